"""From the options of ``georet export`` to its output: what is written, said, and exited with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from georet.errors import GeoretError, UsageError
from georet.export_spec import PRECISIONS, Precision
from georet.page.readable import megabytes
from georet.plugins import UNSAID, Selection
from georet.pretrained.making import run_folder
from georet.pretrained.naming import is_named
from georet.progress import echo, echo_json, next_step, say
from georet.report import write_report
from georet.train import setup
from georet.train.run import check_run, reconfigure
from georet_export.artefact.backends import ONNX, OPENVINO
from georet_export.exporting.job import Outcome, check_gates
from georet_export.exporting.request import Request, parse_batch
from georet_export.exporting.run import Options, export_encoder, foresee_export


def export_and_print(
    run_dir: Path,
    exporters: Sequence[str],
    *,
    wants_tensorrt: bool,
    precision: str,
    batch: str,
    targets: Sequence[str],
    out: Path | None,
    options: Options,
    selection: Selection,
    overrides: Sequence[str],
    as_json: bool,
    is_dry: bool = False,
) -> None:
    """Export, print each outcome as it comes (or all as JSON), and raise if a gate failed.

    ``is_dry``: only say what would be written.
    """
    named = tuple(part for text in targets for part in text.replace(" ", ",").split(",") if part)
    chosen = [*exporters, *([_tensorrt(named)] if wants_tensorrt else [])] or ["onnx"]
    if named and {name.rpartition(":")[2] for name in chosen} <= {ONNX, OPENVINO}:
        raise UsageError(
            "only a TensorRT plan is made for certain GPUs", where="--target", hint="Add --trt."
        )
    if is_named(run_dir):
        # A named encoder lies in the cache, where nobody looks for what was exported.
        folder = run_folder(run_dir, selection=selection)
        out = out or Path(f"{folder.name.rpartition('-')[0] or folder.name}-export")
        run_dir = folder
    request = Request(chosen, _precision(precision), parse_batch(batch), named)
    if is_dry:
        foresee_export(
            run_dir, request, out=out, options=options, selection=selection, overrides=overrides
        )
        return
    outcomes = []
    for outcome in export_encoder(
        run_dir, request, out=out, options=options, selection=selection, overrides=overrides
    ):
        outcomes.append(outcome)
        if not as_json:
            echo("\n".join(lines(outcome)))
            sys.stdout.flush()
    if as_json:
        echo_json([as_values(o) for o in outcomes])
    if out is None:
        renew_report(run_dir, selection=selection, overrides=overrides)
    check_gates(outcomes)
    if not as_json:
        next_step("benchmark", run_dir if out is None else out)


def lines(outcome: Outcome) -> list[str]:
    """Return what the terminal shows of one format."""
    size = f", {megabytes(outcome.num_bytes)}" if outcome.artefacts else ""
    gone = "" if outcome.is_kept else " (removed: it failed its gate)"
    about = [str(status) for status in _of_each(outcome, "status")]
    about += [_quantised(counts) for counts in _of_each(outcome, "quantised")]
    if outcome.fidelity is None:
        about += [f"not compared with torch: {outcome.unjudged}"]
    else:
        about += outcome.fidelity.lines()
    return [f"{outcome.path}{size}{gone}", *(f"  {line}" for line in about)]


def as_values(outcome: Outcome) -> dict[str, Any]:
    """Return one format's outcome as JSON values."""
    fidelity = outcome.fidelity
    return {
        "path": str(outcome.path),
        "exporter": outcome.exporter,
        "precision": outcome.precision,
        "bytes": outcome.num_bytes,
        "is_kept": outcome.is_kept,
        "artefacts": [
            {
                "path": str(found.path),
                "views": list(found.views),
                "verified_on_gpu": found.verified_on_gpu,
                "quantised": found.manifest.get("quantised"),
            }
            for found in outcome.artefacts
        ],
        "fidelity": None if fidelity is None else fidelity.as_json(),
        "unjudged": outcome.unjudged,
    }


def _of_each(outcome: Outcome, key: str) -> list[Any]:
    return [found.manifest[key] for found in outcome.artefacts if found.manifest.get(key)]


def _quantised(about: dict[str, Any]) -> str:
    if "layers" not in about:
        return f"int8: {about['fake_quantize_nodes']} quantised places"
    share = 100 * about["share_of_multiply_adds"]
    kinds = ", ".join(f"{kind} {num}" for kind, num in about["by_operator"].items())
    return f"int8: {share:.0f} % of the multiply-adds ({kinds})"


def _tensorrt(targets: Sequence[str]) -> str:
    from georet_export.trt.flavours import choose_flavour

    choice = choose_flavour(targets)
    say(choice.reason)
    return choice.flavour


def _precision(text: str) -> Precision:
    for precision in PRECISIONS:
        if text == precision:
            return precision
    raise UsageError(
        f"no precision {text!r}", where="--precision", hint=f"One of {', '.join(PRECISIONS)}"
    )


def renew_report(
    run_dir: Path,
    *,
    selection: Selection = UNSAID,
    overrides: Sequence[str] = (),
) -> None:
    """Write the run's report and say where; an export does not fail for want of one."""
    try:
        config, loaded = reconfigure(check_run(run_dir), selection=selection, overrides=overrides)
        data = setup.load_data(config, loaded, run_dir)
        say(f"report {write_report(run_dir, data.evaluations, data.pairs)}")
    except GeoretError as error:
        say(f"warning: the run's report was not written anew: {error}")

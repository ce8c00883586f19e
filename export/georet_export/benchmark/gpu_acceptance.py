"""``georet benchmark --gpu-acceptance``: engines built, executed, compared and timed on a GPU.

For whoever has one: it takes a trained run and writes one JSON file that says what this GPU did.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from georet.contracts.running import Session
from georet.errors import GeoretError, UsageError
from georet.export_spec import Precision
from georet.files import write_json
from georet.plugins import UNSAID, Selection
from georet.progress import say
from georet.train.run import check_run, reconfigure
from georet.version import __version__
from georet_export.artefact.artefact import Artefact
from georet_export.artefact.backends import open_onnx_file
from georet_export.artefact.session_base import ArtefactSession
from georet_export.artefact.writing import versions_of
from georet_export.exporting.request import Request
from georet_export.exporting.run import Options, export_encoder
from georet_export.fidelity.compare import Compared, compare
from georet_export.fidelity.evidence import Evidence, evidence_of
from georet_export.fidelity.judge import embed_sides
from georet_export.trt.backend import load_engine
from georet_export.trt.exporter import ONNX
from georet_export.trt.flavours import CLASSIC, RTX, is_installed
from georet_export.trt.gpu_device import describe_gpu, milliseconds
from georet_export.trt.targets import RTX_TARGETS, CudaProbe, probe_cuda
from georet_export.trt.verify import LEAST_COSINE

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")
LEAST_AGREEMENT: dict[Precision, float] = {"fp32": 100.0, "fp16": 98.0}
"""Percent of the queries with the same first place; half precision may turn a close race."""
NUM_IMAGES = 1000
PACKAGES = ("torch", "onnx", "onnxruntime", "tensorrt", "tensorrt-rtx-cu12", "tensorrt-rtx-cu13")


@dataclass(frozen=True)
class Acceptance:
    """What is to be accepted: a run, on so many of its own images, at these batch sizes."""

    run_dir: Path
    view: str = "query"
    batches: tuple[int, ...] = (1, 8, 32)
    num_images: int | None = NUM_IMAGES
    selection: Selection = UNSAID
    overrides: Sequence[str] = ()


def accept_on_gpu(asked: Acceptance, out: Path) -> dict[str, Any]:
    """Build, execute, compare and time every engine this GPU can have; write and return it all.

    ``accepted`` says whether every engine agrees with ONNX Runtime on the very file that it was
    compiled from: least cosine 0.999, and the same first place. UsageError, and no file, where
    there is no GPU or no TensorRT.
    """
    probe = probe_cuda()
    flavours, absent = available_flavours(probe)
    config, plugins = reconfigure(
        check_run(asked.run_dir),
        selection=asked.selection,
        overrides=asked.overrides,
    )
    evidence = evidence_of(config, plugins, num_images=asked.num_images)
    results = [
        _result(asked, flavour, precision, evidence)
        for flavour in flavours
        for precision in PRECISIONS
    ]
    report = {
        "georet": __version__,
        "gpu": describe_gpu(probe),
        "versions": versions_of(PACKAGES),
        "run": asked.run_dir.resolve().name,
        "images": {"set": evidence.name, "num": evidence.num_images},
        "least_cosine": {precision: LEAST_COSINE[precision] for precision in PRECISIONS},
        "least_agreement": LEAST_AGREEMENT,
        "absent": absent,
        "engines": results,
        "accepted": all(result["accepted"] for result in results),
    }
    write_json(out, report)
    return report


def available_flavours(probe: CudaProbe) -> tuple[list[str], list[str]]:
    """Return the flavours that can build for this GPU, and why others can't.

    UsageError where none can.
    """
    if probe.target is None:
        raise UsageError(
            f"the GPU acceptance can't run on this machine: {probe.reason}",
            where="--gpu-acceptance",
            hint="Run it where nvidia-smi shows a GPU; without --gpu-acceptance, the same command "
            "measures what this machine can execute.",
        )
    reasons = {name: _why_not(name, probe.target) for name in (CLASSIC, RTX)}
    absent = [f"{name}: {reason}" for name, reason in reasons.items() if reason]
    if len(absent) == len(reasons):
        raise UsageError(
            f"no TensorRT can build for this {probe.device}: {'; '.join(absent)}",
            where="--gpu-acceptance",
            hint="pip install 'georet[onnx]' 'georet[trt]'",
        )
    return [name for name, reason in reasons.items() if not reason], absent


def _why_not(flavour: str, target: str) -> str | None:
    if not is_installed(flavour):
        return "not installed"
    if flavour == RTX and target not in RTX_TARGETS:
        return f"doesn't compile for {target}"
    return None


def _result(
    asked: Acceptance, flavour: str, precision: Precision, evidence: Evidence
) -> dict[str, Any]:
    """Return what came of a flavour and precision; its engines live in a temporary folder."""
    say(f"{flavour} {precision}: building, executing")
    target, largest = probe_cuda().target, max(asked.batches)
    targets = (target,) if flavour == RTX and target else ()
    request = Request([flavour], precision, (1, min(32, largest), largest), targets)
    result = {"flavour": flavour, "precision": precision}
    with tempfile.TemporaryDirectory() as folder:
        try:
            (outcome,) = export_encoder(
                asked.run_dir,
                request,
                out=Path(folder),
                options=Options(num_images=0),
                selection=asked.selection,
                overrides=asked.overrides,
            )
            return result | _judged(outcome.artefacts, precision, evidence, asked)
        except GeoretError as error:
            # That this GPU fails at it is a result as well.
            return result | {"accepted": False, "error": error.what}


def _judged(
    artefacts: Sequence[Artefact], precision: Precision, evidence: Evidence, asked: Acceptance
) -> dict[str, Any]:
    """Compare the engines with ONNX Runtime on the files that they were compiled from, and time."""
    expected: dict[str, Session] = {}
    found: dict[str, Session] = {}
    times: dict[int, dict[str, float]] = {}
    for artefact in artefacts:
        for view in artefact.views:
            engine = load_engine(artefact, view)
            found[view] = ArtefactSession(engine.execute, engine.identity, artefact.batch)
            expected[view] = open_onnx_file(artefact, ONNX, view)
            if view == asked.view:
                times = {num: milliseconds(engine, num) for num in asked.batches}
    compared = compare(
        evidence,
        embed_sides(evidence, expected, f"ONNX Runtime {precision}"),
        embed_sides(evidence, found, f"{artefacts[0].format} {precision}"),
    )
    return {
        "built": [dict(artefact.manifest["engine"]) for artefact in artefacts],
        "cosine": dict(compared.cosine),
        "top1_agreement": compared.top1_agreement,
        "milliseconds": times,
        "accepted": is_accepted(precision, compared),
    }


def is_accepted(precision: Precision, compared: Compared) -> bool:
    """Whether an engine's embeddings are those of its ONNX file; NaN is not."""
    return (
        compared.cosine["min"] >= LEAST_COSINE[precision]
        and compared.top1_agreement >= LEAST_AGREEMENT[precision]
    )

"""What ``georet export`` does: write each format, judge it, and only then put it in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from georet.commands.foreseeing import foresee_embedding, foretell
from georet.config import RunConfig
from georet.contracts.building import BuildContext
from georet.encoder import Encoder
from georet.errors import DataError, UsageError
from georet.evaluate.embed import Embedder
from georet.export_spec import Exporter
from georet.page.readable import megabytes
from georet.plugins import UNSAID, Plugins, Selection
from georet.run_layout import EXPORT
from georet.train.checkpoint import LAST, check_name, load_checkpoint
from georet.train.run import check_run, reconfigure
from georet.train.saving import load_encoder
from georet.types import QUERY, REFERENCE
from georet.vouching import check_vouched
from georet_export.exporting.job import Job, Outcome
from georet_export.exporting.request import Request, specs_of
from georet_export.fidelity.judge import Judge

"""Where exports go below a run's folder, unless told otherwise."""


@dataclass(frozen=True)
class Options:
    """How ``export_encoder`` works, apart from what it writes.

    ``num_images`` caps the images of the comparison with torch, None takes all, 0 makes none.
    ``max_loss`` are the points of recall@1 that int8 may lose.
    """

    checkpoint: str = LAST
    num_images: int | None = None
    max_loss: float = 0.5
    keep_failing: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        check_name(self.checkpoint, where="--checkpoint")


def export_encoder(
    run_dir: Path,
    request: Request,
    *,
    out: Path | None = None,
    options: Options | None = None,
    selection: Selection = UNSAID,
    overrides: Sequence[str] = (),
) -> Iterator[Outcome]:
    """Export a run's encoder and yield each format's outcome when it stands in its folder.

    Raises UsageError for a folder that is taken (without ``force``), ExportError where a format
    can't be written, and the errors of loading a run.
    """
    options = options or Options()
    check_vouched(check_run(run_dir).parent)
    config, loaded = reconfigure(check_run(run_dir), selection=selection, overrides=overrides)
    base = out or run_dir / EXPORT
    exporters = _exporters(request, loaded)
    for name in exporters:
        _check_free(base / request.label(name), force=options.force)
    encoder = load_encoder(run_dir, options.checkpoint, config, loaded).eval()
    origin = _origin(run_dir, options.checkpoint, config, loaded)
    specs = specs_of(encoder, config, loaded, request, origin)
    judge = _judge(encoder, config, loaded, options.num_images)
    for name, exporter in exporters.items():
        path, max_loss = base / request.label(name), options.max_loss
        job = Job(path, name, exporter, specs, max_loss, options.keep_failing)
        outcome = job.run(encoder, judge, loaded)
        if outcome.is_kept:
            loaded.observe("georet_export_end", artefact=outcome.path, run_dir=run_dir)
        yield outcome


def foresee_export(
    run_dir: Path,
    request: Request,
    *,
    out: Path | None,
    options: Options,
    selection: Selection,
    overrides: Sequence[str],
) -> None:
    """Print what ``export_encoder`` would write, how large about, and what it compares."""
    check_vouched(check_run(run_dir).parent)
    config, loaded = reconfigure(check_run(run_dir), selection=selection, overrides=overrides)
    base = out or run_dir / EXPORT
    paths = [base / request.label(name) for name in _exporters(request, loaded)]
    for path in paths:
        _check_free(path, force=options.force)
    encoder = load_encoder(run_dir, options.checkpoint, config, loaded).eval()
    specs = specs_of(encoder, config, loaded, request, {})
    size = sum(tensor.nbytes for tensor in encoder.state_dict().values())
    facts = {
        "formats": ", ".join(path.name for path in paths),
        "artefacts": f"{len(specs)} each",
        "weights": f"{megabytes(size)} in fp32",
    }
    judge = _judge(encoder, config, loaded, options.num_images)
    if judge is None:
        foretell(facts, {}, "no time: nothing is compared", writes=paths)
        return
    data = judge.evidence.data
    tables = [(QUERY, data.queries), (REFERENCE, data.gallery)]
    embedder = Embedder(encoder, config.data, config.evaluate.batch_size)
    foresee_embedding(embedder, tables, {**facts, "compared": "by torch; each file again"},
                      writes=paths)  # fmt: skip


def _exporters(request: Request, plugins: Plugins) -> dict[str, Exporter]:
    """Return the exporters by the names asked for, each made once."""
    catalog, context = plugins.catalog, BuildContext(plugins.catalog)
    return {
        name: cast(
            Exporter,
            catalog.create("exporters", name, where=f"format {name}", context=context),
        )
        for name in dict.fromkeys(request.exporters)
    }


def _judge(
    encoder: Encoder, config: RunConfig, plugins: Plugins, num_images: int | None
) -> Judge | None:
    """Return the judge, its images found, before anything is written; None where none is wanted."""
    if num_images == 0:
        return None
    judge = Judge(encoder, config, plugins, num_images)
    try:
        judge.evidence  # noqa: B018 - finds the images now
    except DataError as error:
        unjudged = "Or --images 0 exports without a comparison with torch, and says so."
        hint = f"{error.hint}\n  {unjudged}" if error.hint else unjudged
        raise DataError(error.what, where=error.where, hint=hint) from error
    return judge


def _origin(run_dir: Path, which: str, config: RunConfig, plugins: Plugins) -> dict[str, Any]:
    """Return where the weights come from, without a local path."""
    checkpoint = load_checkpoint(run_dir, which)
    return {
        "run": run_dir.resolve().name,
        "checkpoint": which,
        "step": checkpoint.state.get("step"),
        "recipe": config.recipe,
        "dataset": config.dataset.name,
        "plugins": dict(plugins.versions),
    }


def _check_free(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise UsageError(
            "there is an export here already",
            where=str(path),
            hint="--force replaces it, when the new one is complete; --out writes elsewhere.",
        )

"""Who takes part in a benchmark: a run executed by torch, artefacts by what can execute them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from georet.contracts.building import BuildContext
from georet.contracts.running import Backend
from georet.errors import DataError, UsageError
from georet.plugins import UNSAID, Plugins, Selection, load_plugins
from georet.run_layout import ARTEFACT, CONFIG, EXPORT
from georet.sessions import TORCH, SessionSpec, artefact_of
from georet.train.checkpoint import ENCODER, load_checkpoint
from georet_export.artefact.artefact import Artefact, read_artefact


@dataclass(frozen=True)
class Contender:
    """One way to execute the encoder: how it is called, what opens it, how large its files are."""

    name: str
    spec: SessionSpec
    num_bytes: int

    @property
    def is_torch(self) -> bool:
        """Whether this is the run itself, which all others are compared with."""
        return self.spec.backend == TORCH


@dataclass(frozen=True)
class Entries:
    """The contenders, torch first where the run is known, and who could not take part, and why."""

    contenders: tuple[Contender, ...]
    absent: tuple[str, ...]
    run_dir: Path | None


@dataclass(frozen=True)
class Choice:
    """What the user asked for: back ends by name (None: all that can), view, threads, plugins."""

    backends: Sequence[str] | None = None
    view: str = "query"
    threads: int | None = 1
    selection: Selection = UNSAID

    def spec(self, source: Path, backend: str) -> SessionSpec:
        """Return what opens a source with a back end; a failing artefact is measured too."""
        return SessionSpec(
            source=source,
            view=self.view,
            backend=backend,
            selection=self.selection,
            threads=self.threads,
            allow_failing=True,
        )


def find_contenders(paths: Sequence[Path], choice: Choice, run_dir: Path | None = None) -> Entries:
    """Return the contenders of runs (with all that was exported of them) and artefacts.

    ``run_dir`` is the run that artefacts come from, where they don't lie in its folder. Raises
    DataError for a path that is neither, UsageError for a back end that there is not and where
    nothing can be executed here.
    """
    loaded = load_plugins(choice.selection)
    _check_backends(choice.backends or (), loaded)
    sources = [source for path in paths for source in _sources(path, choice.view)]
    run = run_dir or next(filter(None, map(_run_of, paths)), None)
    contenders = [] if run is None else [_torch(run, choice)]
    absent: list[str] = []
    for source in dict.fromkeys(sources):
        found, reasons = _of_artefact(source, choice, loaded)
        contenders += found
        absent += reasons
    if not contenders:
        why = "\n  ".join(absent)
        raise UsageError("nothing here can be executed on this machine", hint=why or None)
    return Entries(tuple(contenders), tuple(absent), run)


def _check_backends(names: Sequence[str], plugins: Plugins) -> None:
    """Raise UsageError for a back end that no plugin brings."""
    known = [TORCH, *(entry.component.name for entry in plugins.catalog.entries("backends"))]
    for name in names:
        if name not in known:
            hint = f"there are: {', '.join(known)}"
            raise UsageError(f"there is no back end {name!r}", where="--backend", hint=hint)


def _sources(path: Path, view: str) -> list[Path]:
    """Return the artefacts at a path: itself, those in it, or what was exported of a run."""
    if artefact_of(path, view) is not None:
        return [path]
    is_run = (path / CONFIG).is_file()
    folder = path / EXPORT if is_run else path
    every = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    found = [p for p in every if (p / ARTEFACT).is_file() or any(p.glob(f"*/{ARTEFACT}"))]
    if not (found or is_run):
        raise DataError(
            f"is neither a run ({CONFIG}) nor an exported artefact ({ARTEFACT})",
            where=str(path),
            hint="Name a folder that `georet train` or `georet export` printed.",
        )
    return found


def _run_of(path: Path) -> Path | None:
    """Return the run that a path is, or in whose folder it lies."""
    near = [path, *path.resolve().parents[:3]]
    return next((folder for folder in near if (folder / CONFIG).is_file()), None)


def _torch(run_dir: Path, choice: Choice) -> Contender:
    encoder = load_checkpoint(run_dir).path / f"{ENCODER}.safetensors"
    spec = choice.spec(run_dir, TORCH)
    return Contender(TORCH, spec, encoder.stat().st_size)


def _of_artefact(
    source: Path, choice: Choice, plugins: Plugins
) -> tuple[list[Contender], list[str]]:
    folder = artefact_of(source, choice.view)
    if folder is None:
        return [], [f"{source.name}: embeds no view {choice.view!r}"]
    artefact = read_artefact(folder)
    found, reasons = [], []
    for entry in plugins.catalog.entries("backends"):
        name = entry.component.name
        if choice.backends is not None and name not in choice.backends:
            continue
        reason = _refusal(folder, entry.id, entry.missing, plugins)
        if reason is None:
            found.append(_contender(source, artefact, entry.id, choice))
        else:
            reasons.append(f"{source.name} by {name}: {reason}")
    return found, [] if found else reasons


def _refusal(folder: Path, name: str, missing: Sequence[str], plugins: Plugins) -> str | None:
    if missing:
        return f"{', '.join(missing)} is not installed"
    context = BuildContext(plugins.catalog)
    backend = cast(Backend, plugins.catalog.create("backends", name, context=context))
    return backend.refuses(folder)


def _contender(source: Path, artefact: Artefact, backend: str, choice: Choice) -> Contender:
    short = backend.rpartition(":")[2]
    return Contender(
        source.name if source.name.startswith(short) else f"{source.name} {short}",
        choice.spec(source, backend),
        sum(int(entry["bytes"]) for entry in artefact.files.values()),
    )

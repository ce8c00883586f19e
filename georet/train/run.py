"""A run's folder: made new, opened again, described by its manifest, finished with a report."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from georet.config import RunConfig
from georet.configure import configure, dump, load_resolved
from georet.configure.recipes import NO_RECIPE
from georet.errors import DataError, PluginError, UsageError
from georet.evaluate.evaluator import Result
from georet.files import read_object, tidy_temporary, write_atomic, write_json
from georet.plugins import UNSAID, Plugins, Selection
from georet.plugins.discovery import is_path
from georet.run_layout import (
    BAD_IMAGES,
    BANKS,
    CHECKPOINTS,
    CONFIG,
    EVENTS,
    MANIFEST,
    PLUGINS,
    PROBE,
    TIMING,
    VOUCHED,
)
from georet.train.device import arithmetic
from georet.train.trainer import Trainer
from georet.version import __version__
from georet.vouching import READ_ALWAYS, check_vouched

FITTED_FROM = "fitted_from"
"""What a manifest calls the run whose weights were taken over, and which those are."""


def new_run(run_dir: Path, config: RunConfig, plugins: Plugins) -> None:
    """Write the configuration of a new run; a run that has got anywhere is never overwritten."""
    if (run_dir / CONFIG).exists():
        if has_begun(run_dir):
            raise UsageError(
                "there is a run in this folder already",
                where=str(run_dir),
                hint=f"Go on with it: georet train --resume {run_dir}\n  Or choose another --out.",
            )
        clear(run_dir)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"can't be made: {error.strerror}", where=str(run_dir)) from error
    write_json(run_dir / PLUGINS, plugins.versions)
    write_atomic(run_dir / CONFIG, dump(config))


def has_begun(run_dir: Path) -> bool:
    """Whether a run has a checkpoint or a step behind it, something that could be lost."""
    if (run_dir / CHECKPOINTS).exists():
        return True
    events = run_dir / EVENTS
    return events.is_file() and b'"event": "step"' in events.read_bytes()


def clear(run_dir: Path) -> None:
    """Remove what a start that came to nothing wrote, and the folder if then it is empty."""
    for name in (CONFIG, PLUGINS, MANIFEST, EVENTS, TIMING, BAD_IMAGES, PROBE, VOUCHED):
        (run_dir / name).unlink(missing_ok=True)
    with suppress(OSError):
        for path in (run_dir / BANKS).glob("*"):
            path.unlink()
        (run_dir / BANKS).rmdir()


def sweep(run_dir: Path) -> None:
    """Remove what killed writers left anywhere in a run; its end would vouch for some of it."""
    for folder in (run_dir, *(path for path in run_dir.rglob("*") if path.is_dir())):
        tidy_temporary(folder)


def check_run(run_dir: Path) -> Path:
    """Return the run's configuration file, or say that this is no run."""
    path = run_dir / CONFIG
    if not path.is_file():
        raise DataError(
            f"there is no run here: {CONFIG} is missing",
            where=str(run_dir),
            hint="Name the folder that `georet train` printed.",
        )
    return path


def reconfigure(
    path: Path,
    *,
    selection: Selection = UNSAID,
    overrides: Sequence[str] = (),
) -> tuple[RunConfig, Plugins]:
    """Return a run's own configuration, with overrides, and its plugins, loaded.

    IntegrityError where the run vouches for it and it is another.

    A run's folder may come from anybody, so it is not believed when it names Python files or
    modules as plugins: those must be named again by whoever resumes it.
    """
    check_vouched(path.parent, READ_ALWAYS)
    recorded = load_resolved(path)
    try:
        config, loaded = configure(
            selection=selection,
            recipe=NO_RECIPE,
            path=path,
            overrides=overrides,
            trust_file=False,
        )
    except PluginError as error:
        hint = _made_with(path.parent, recorded.plugins or ())
        raise PluginError(error.what, where=error.where, hint=hint) from error
    return config.model_copy(update={"recipe": recorded.recipe}), loaded


def _made_with(run_dir: Path, wishes: Sequence[str]) -> str:
    """Say how to select a run's plugins from here; relative paths count from where it began.

    They are said, not loaded: a run's folder may be anybody's.
    """
    manifest = read_object(run_dir / MANIFEST) if (run_dir / MANIFEST).is_file() else {}
    folder = Path(str(manifest.get("folder", "")))
    relative = [w for w in wishes if is_path(w) and not Path(w).expanduser().is_absolute()]
    if not relative or not folder.is_absolute() or folder == Path.cwd():
        return f"The run was made with: --plugins {','.join(wishes)}"
    found = {wish: Path(os.path.normpath(folder / wish)) for wish in relative}
    gone = "".join(
        f"\n  {path} is not there any more." for path in found.values() if not path.exists()
    )
    said = ",".join(str(found.get(wish, wish)) for wish in wishes)
    return (
        f"The run was made with: --plugins {said}\n"
        f"  {', '.join(relative)} counts from {folder}, where the run was started.{gone}"
    )


def changed_versions(run_dir: Path, plugins: Plugins) -> list[str]:
    """Say which plugins, and which georet and torch, are not those that the run was begun with."""
    before = read_object(run_dir / PLUGINS)
    found = [
        f"plugin {name}: the run was begun with {version}, now "
        f"{plugins.versions.get(name, 'absent')}"
        for name, version in before.items()
        if plugins.versions.get(name) != version
    ]
    manifest = read_object(run_dir / MANIFEST) if (run_dir / MANIFEST).is_file() else {}
    now = {"georet": __version__, "torch": torch.__version__}
    found += [
        f"{name}: the run was begun with {manifest[name]}, now {version}"
        for name, version in now.items()
        if name in manifest and manifest[name] != version
    ]
    return found


def train_run(trainer: Trainer) -> dict[str, Result]:
    """Train to the end, with a manifest around it.

    A resume keeps when and by which command the run was started, and adds to its duration.
    """
    if not trainer.ranks.is_first:
        return trainer.fit()
    path, begun = trainer.run_dir / MANIFEST, time.time()
    before = read_object(path) if path.is_file() else {}
    kept = ("started", "command", "folder", FITTED_FROM)
    origin = {"started": _now()} | {key: before[key] for key in kept if key in before}
    manifest = describe(trainer) | origin
    spent_s, finished = float(before.get("duration_s", 0.0)), None
    write_json(path, manifest | {"finished": None, "duration_s": spent_s})
    try:
        results = trainer.fit()
        finished = _now()
    finally:
        duration_s = round(spent_s + time.time() - begun, 1)
        write_json(path, manifest | {"finished": finished, "duration_s": duration_s})
    return results


def describe(trainer: Trainer) -> dict[str, Any]:
    """Return what a reader must know to judge or repeat the run."""
    config, pairs = trainer.config, trainer.pairs
    return {
        "georet": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": str(trainer.encoder.log_scale.device),
        "precision": str(trainer.stepper.precision).removeprefix("torch."),
        "arithmetic": arithmetic(trainer.encoder.log_scale.device, trainer.optimizer),
        **({} if trainer.ranks.is_alone else {"ranks": trainer.ranks.in_words()}),
        "threads": torch.get_num_threads(),
        "channels_last": config.train.channels_last is True,
        "workers": config.data.num_workers,
        "plugins": trainer.plugins.versions,
        "recipe": config.recipe,
        "seed": config.seed,
        "dataset": {
            "name": config.dataset.name,
            "num_pairs": len(pairs),
            "num_queries": len(pairs.queries),
            "num_references": len(pairs.references),
        },
        "num_parameters": sum(p.numel() for p in trainer.encoder.parameters()),
        "num_trained_parameters": sum(p.numel() for p in trainer.stepper.parameters.values()),
        "command": shlex.join(["georet", *sys.argv[1:]]),
        "folder": str(Path.cwd()),
    }


def headline(trainer: Trainer) -> str:
    """Return the first line of a run: plugins, recipe, device and data."""
    facts: Mapping[str, Any] = describe(trainer)
    data = facts["dataset"]
    ranks = f" · {facts['ranks']}" if "ranks" in facts else ""
    return (
        f"plugins {', '.join(facts['plugins'])} · recipe {facts['recipe'] or 'none'} · "
        f"{facts['device']} {facts['precision']}{ranks} · "
        f"{data['name']}: {data['num_pairs']} pairs, "
        f"{data['num_queries']} queries, {data['num_references']} references"
    )


def free_folder(config: RunConfig) -> Path:
    """Return a folder below ``runs`` that does not exist yet."""
    name = (config.recipe or config.dataset.name).replace("/", "-").replace(":", "-")
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    path, number = Path("runs") / f"{name}-{stamp}", 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{name}-{stamp}-{number}"
    return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

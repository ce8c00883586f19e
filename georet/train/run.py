"""A run's folder: made new, opened again, described by its manifest, finished with a report."""

from __future__ import annotations

import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from georet.config import RunConfig
from georet.configure import configure, dump, load_resolved
from georet.configure.recipes import NO_RECIPE
from georet.errors import DataError, PluginError, UsageError
from georet.evaluate.evaluator import Result
from georet.files import read_json, write_atomic, write_json
from georet.plugins import UNSAID, Plugins, Selection
from georet.run_layout import CONFIG, MANIFEST, PLUGINS
from georet.train.trainer import Trainer
from georet.version import __version__


def new_run(out: Path | None, config: RunConfig, plugins: Plugins) -> Path:
    """Make the run's folder and write its configuration; an existing run is never overwritten."""
    run_dir = out if out is not None else _free_folder(config)
    if (run_dir / CONFIG).exists():
        raise UsageError(
            "there is a run in this folder already",
            where=str(run_dir),
            hint=f"Go on with it: georet train --resume {run_dir}\n  Or choose another --out.",
        )
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"can't be made: {error.strerror}", where=str(run_dir)) from error
    write_json(run_dir / PLUGINS, plugins.versions)
    write_atomic(run_dir / CONFIG, dump(config))
    return run_dir


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

    A run's folder may come from anybody, so it is not believed when it names Python files or
    modules as plugins: those must be named again by whoever resumes it.
    """
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
        hint = f"The run was made with: --plugins {','.join(recorded.plugins or ())}"
        raise PluginError(error.what, where=error.where, hint=hint) from error
    return config.model_copy(update={"recipe": recorded.recipe}), loaded


def changed_plugins(run_dir: Path, plugins: Plugins) -> list[str]:
    """Say which plugins are not the versions that the run was started with."""
    before = read_json(run_dir / PLUGINS)
    return [
        f"{name}: the run was started with {version}, now {plugins.versions.get(name, 'absent')}"
        for name, version in before.items()
        if plugins.versions.get(name) != version
    ]


def train_run(trainer: Trainer) -> dict[str, Result]:
    """Train to the end, with a manifest around it.

    A resume keeps when and by which command the run was started, and adds to its duration.
    """
    path, begun = trainer.run_dir / MANIFEST, time.time()
    before = read_json(path) if path.is_file() else {}
    origin = {"started": _now()} | {k: before[k] for k in ("started", "command") if k in before}
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
        "threads": torch.get_num_threads(),
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
    }


def headline(trainer: Trainer) -> str:
    """Return the first line of a run: plugins, recipe, device and data."""
    facts: Mapping[str, Any] = describe(trainer)
    data = facts["dataset"]
    return (
        f"plugins {', '.join(facts['plugins'])} · recipe {facts['recipe'] or 'none'} · "
        f"{facts['device']} {facts['precision']} · {data['name']}: {data['num_pairs']} pairs, "
        f"{data['num_queries']} queries, {data['num_references']} references"
    )


def _free_folder(config: RunConfig) -> Path:
    name = (config.recipe or config.dataset.name).replace("/", "-").replace(":", "-")
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    path, number = Path("runs") / f"{name}-{stamp}", 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{name}-{stamp}-{number}"
    return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

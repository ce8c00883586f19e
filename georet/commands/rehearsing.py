"""``georet train --dry-run``: what a training will take, estimated from a few steps of it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from rich.table import Table
from rich.text import Text

from georet.commands.probing import Choice, measure, step_seconds, with_choice
from georet.config import RunConfig
from georet.configure import configure
from georet.evaluate.evaluator import num_images
from georet.platforms import peak_bytes
from georet.plugins import UNSAID, Plugins, Selection
from georet.progress import console
from georet.ranks.joining import begin, joining
from georet.train import setup
from georet.train.parts import Parts, make_parts
from georet.train.planning import plan_epoch, wanted_bank
from georet.types import ImageTable

STEPS: Final = 5
"""Steps that are measured."""
IMAGES: Final = 64
"""Images that are embedded to know how long mining and evaluation take."""
KEPT: Final = 3
"""Checkpoints on disk at once: the last, the best, and the one that is being written."""


def rehearse(
    *,
    selection: Selection = UNSAID,
    recipe: str | None = None,
    path: Path | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Print what a training with this configuration will take; return it as JSON values.

    Nothing is trained and no run's folder is made. Data sets that are generated when they are first
    used are generated. Ranks measure together; the first one prints.
    """
    config, plugins = configure(selection=selection, recipe=recipe, path=path, overrides=overrides)
    with (
        joining(config.train.ranks, config.device) as ranks,
        tempfile.TemporaryDirectory() as folder,
    ):
        begin(ranks, Path(folder), config.train.ranks)
        with ranks.in_turn():
            data = setup.load_data(config, plugins)
        probe = measure(config, plugins, Path(folder), data, ranks)
        config = with_choice(config, probe.best)
        if config.train.threads != "auto":
            torch.set_num_threads(config.train.threads)
        parts = make_parts(config, plugins, Path(folder), None, data, ranks)
        found = _estimate(parts, probe.best, plugins)
    if ranks.is_first:
        console().print(_table(found))
    return found


def _estimate(parts: Parts, choice: Choice, plugins: Plugins) -> dict[str, Any]:
    config = parts.config
    steps, is_exact = _steps_an_epoch(parts)
    parts.encoder.train()
    parts.objective.train()
    step_s = step_seconds(parts, choice, STEPS)
    # The peak of training alone; embedding takes less, since it keeps no activations.
    told = parts.ranks.exchange(_peak_bytes(parts.stepper.device))
    memory = [most for most in told if most is not None]
    image_s = _image_seconds(parts)
    epochs = config.train.epochs
    pairs = parts.data.pairs
    wishes = [wanted_bank(parts.sampler, epoch) for epoch in range(epochs)]
    mined = wishes.count("mine") * (len(pairs.queries) + len(pairs.references))
    during, final = setup.judged_sets(config, parts.data.evaluations, plugins)
    judged = _times_judged(config) * num_images(during) + num_images(final)
    seconds = {
        "training": step_s * steps * epochs,
        "mining": image_s * mined,
        "evaluation": image_s * judged,
    }
    return {
        "steps_an_epoch": steps,
        "steps_are_exact": is_exact,
        "epochs": epochs,
        "steps": steps * epochs,
        "step_s": step_s,
        "image_s": image_s,
        "seconds": seconds,
        "total_s": sum(seconds.values()),
        "ranks": parts.ranks.size,
        "memory_bytes": max(memory, default=None),
        "memory_of_all_bytes": sum(memory) if memory else None,
        "memory_of": str(parts.stepper.device),
        "disk_bytes": _disk_bytes(parts, mines=mined > 0),
        "disk_free_bytes": shutil.disk_usage(Path.cwd()).free,
        "chosen": vars(choice),
    }


def _steps_an_epoch(parts: Parts) -> tuple[int, bool]:
    """Return the steps of the first epoch; where they depend on mining, those that fill it."""
    size, pairs = parts.config.train.batch_size, parts.data.pairs
    if wanted_bank(parts.sampler, 0) == "mine":
        return len(pairs) // size, False
    plan = plan_epoch(
        parts.sampler,
        0,
        pairs,
        None,
        epochs=parts.config.train.epochs,
        batch_size=size,
        seed=parts.config.seed,
        twice=False,
    )
    return len(plan.batches), True


def _times_judged(config: RunConfig) -> int:
    """Return how often is evaluated before the end; the last epoch is judged by the final one."""
    return (config.train.epochs - 1) // config.evaluate.every


def _image_seconds(parts: Parts) -> float:
    """Return seconds that loading and embedding of one image take, as in mining; ranks share."""
    view, table = next(iter(parts.data.pairs.views.items()))
    ranks = parts.ranks
    rows = np.arange(min(len(table), IMAGES * ranks.size))
    some: ImageTable = table.take(rows)
    # Whole batches go to a rank: each gets some, as of a table that is long enough.
    most = -(-len(rows) // ranks.size)
    embedder = replace(parts.embedder, batch_size=min(parts.embedder.batch_size, most))
    embedder.table(view, some.take(rows[: 2 * ranks.size]))
    begun = time.perf_counter()
    embedder.table(view, some)
    return ranks.most(time.perf_counter() - begun) / len(rows)


def _peak_bytes(device: torch.device) -> int | None:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return peak_bytes()


def _disk_bytes(parts: Parts, *, mines: bool) -> int:
    """Return what checkpoints and the mined bank take when most of them lie on disk."""
    weights: int = sum(t.nbytes for t in parts.modules.state_dict().values())
    slots = [s for state in parts.optimizer.state.values() for s in state.values()]
    remembered: int = sum(s.nbytes for s in slots if isinstance(s, torch.Tensor))
    pairs, dim = parts.data.pairs, parts.encoder.feature_dim
    bank = 4 * dim * (len(pairs.queries) + len(pairs.references)) if mines else 0
    return KEPT * (weights + remembered) + 2 * bank


def _table(found: Mapping[str, Any]) -> Table:
    title = "Dry run" if found["ranks"] == 1 else f"Dry run of {found['ranks']} ranks"
    table = Table(title=Text(title), title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    steps = f"{found['steps']:,} in {found['epochs']} epochs"
    if not found["steps_are_exact"]:
        steps += " at most; the first plan depends on what is mined"
    table.add_row("steps", steps)
    table.add_row("a step", f"{found['step_s']:.3f} s, loading included")
    for name, seconds in found["seconds"].items():
        table.add_row(name, _duration(seconds))
    table.add_row("together", _duration(found["total_s"]))
    kind = "GPU memory" if found["memory_of"].startswith("cuda") else "memory"
    memory, together = found["memory_bytes"], found["memory_of_all_bytes"]
    said = "not told by this system" if memory is None else f"{memory / 2**30:.2f} GiB"
    if found["ranks"] > 1 and together is not None:
        said += f" a rank, {together / 2**30:.2f} GiB together"
    table.add_row(kind, f"{said}, without loader processes")
    free = found["disk_free_bytes"] / 2**30
    table.add_row("disk", f"{found['disk_bytes'] / 2**30:.2f} GiB, {free:.1f} GiB are free here")
    chosen = found["chosen"]
    layout = "channels last" if chosen["channels_last"] else "channels first"
    how = f"{layout}, threads {chosen['threads']}, loader workers {chosen['workers']}"
    table.add_row("with", how)
    return table


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

"""Choosing what changes a run's speed and not what it learns: measured in some steps, recorded."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from georet.config import RunConfig
from georet.configure import dump
from georet.encoder import Encoder
from georet.files import write_atomic, write_json
from georet.plugins import Plugins
from georet.progress import say
from georet.ranks.world import ALONE, Ranks
from georet.run_layout import CONFIG, PROBE
from georet.train.parts import Parts, loader_of, make_parts
from georet.train.setup import Data
from georet.train.stepping.feeding import on_device
from georet.train.stepping.sharing import told
from georet.types import BatchPlan

LEAST_PAIRS: Final = 2000
"""Runs that see fewer pairs, all epochs together, are over before a probe would pay."""
LEAST_S: Final = 60.0
"""So are runs that are estimated to train for less."""
BUDGET, MOST_S = 0.05, 60.0
"""Share of the estimated training that a probe may take, and seconds."""
CLEARLY: Final = 0.95
"""What is not faster than this share of the default's time does not replace it."""
STEPS, FEWEST_STEPS = 5, 2
"""Steps that are measured of a choice, and where they are so long that few choices would fit."""


@dataclass(frozen=True)
class Choice:
    """Threads of one operation, memory layout, loader processes."""

    threads: int
    channels_last: bool
    workers: int


@dataclass
class Probe:
    """What was measured: seconds a step, loading included, of each choice that was tried."""

    default: Choice
    measured: dict[Choice, float] = field(default_factory=dict)
    spent_s: float = 0.0
    estimated_s: float | None = None
    """Of the training with the default."""

    @property
    def best(self) -> Choice:
        """The fastest choice, or the default where nothing is clearly faster."""
        if not self.measured:
            return self.default
        best = min(self.measured, key=lambda choice: self.measured[choice])
        is_clear = self.measured[best] < CLEARLY * self.measured[self.default]
        return best if is_clear else self.default

    def as_json(self) -> dict[str, Any]:
        """Return what the run's folder keeps."""
        rows = [vars(choice) | {"step_s": round(s, 4)} for choice, s in self.measured.items()]
        return {
            "chosen": vars(self.best),
            "default": vars(self.default),
            "measured": rows,
            "spent_s": round(self.spent_s, 1),
        }


def settled(
    config: RunConfig, plugins: Plugins, run_dir: Path, data: Data, ranks: Ranks = ALONE
) -> RunConfig:
    """Return the configuration of a new run with a choice for each ``auto``, and record it.

    It is written over the run's configuration, so that a resume goes on with the same choice, and
    what was measured to ``probe.json``. A run that was begun before there was a choice is never
    changed: this is for runs without a checkpoint.
    """
    train = config.train
    if "auto" not in (train.channels_last, train.threads, config.data.workers):
        return config
    probe = measure(config, plugins, run_dir, data, ranks)
    chosen = with_choice(config, probe.best)
    if ranks.is_first:
        ranks_here = {"local_ranks": ranks.local_size, "threads_are_set": train.threads != "auto"}
        write_json(run_dir / PROBE, probe.as_json() | ranks_here)
        write_atomic(run_dir / CONFIG, dump(chosen))
    if probe.measured:
        say(in_words(probe))
    return chosen


def with_choice(config: RunConfig, choice: Choice) -> RunConfig:
    """Return the configuration with each ``auto`` replaced; what was set stays."""
    train = config.train.model_copy(
        update={
            key: getattr(choice, key)
            for key in ("threads", "channels_last")
            if getattr(config.train, key) == "auto"
        }
    )
    is_open = config.data.workers == "auto"
    data = config.data.model_copy(update={"workers": choice.workers}) if is_open else config.data
    return config.model_copy(update={"train": train, "data": data})


def in_words(probe: Probe) -> str:
    """Return the line that tells what was chosen, and how to choose oneself."""
    best, measured = probe.best, probe.measured
    layout = "channels last" if best.channels_last else "channels first"
    line = (
        f"probe of {len(measured)} ways in {probe.spent_s:.0f} s: {layout}, "
        f"threads {best.threads}, loader workers {best.workers}; {measured[best]:.3f} s a step"
    )
    if best != probe.default:
        line += f", {measured[probe.default]:.3f} s without"
    return f"{line}\n  To choose yourself: train.channels_last, train.threads, data.workers"


def measure(
    config: RunConfig, plugins: Plugins, run_dir: Path, data: Data, ranks: Ranks = ALONE
) -> Probe:
    """Measure steps of an encoder of its own, and leave no trace of it.

    Ranks measure together, and count what the slowest of them took.

    Random pairs of the training data are loaded and augmented as in training. Nothing is measured
    for runs that would be over before it paid. Random generators are as they were afterwards.
    """
    probe = Probe(_default(config))
    num, begun = len(data.pairs), time.perf_counter()
    if num * config.train.epochs < LEAST_PAIRS or num < config.train.batch_size:
        return probe
    # Without compilation, which would take longer than what is measured.
    plain = with_choice(config, probe.default)
    plain = plain.model_copy(update={"train": plain.train.model_copy(update={"compile": False})})
    with _untouched():
        parts = make_parts(plain, plugins, run_dir, None, data, ranks)
        _measure(parts, config, probe)
        del parts
        gc.collect()
    probe.spent_s = time.perf_counter() - begun
    return probe


def _measure(parts: Parts, config: RunConfig, probe: Probe) -> None:
    begun = time.perf_counter()
    train = parts.config.train
    parts.encoder.train()
    parts.objective.train()
    first = step_seconds(parts, probe.default, FEWEST_STEPS)
    probe.estimated_s = first * train.epochs * (len(parts.data.pairs) // train.batch_size)
    if probe.estimated_s < LEAST_S:
        return
    budget = min(MOST_S, BUDGET * probe.estimated_s)
    default, num = probe.default, STEPS if 4 * STEPS * first < budget else FEWEST_STEPS
    # Measured again, since what runs first finds cold caches.
    probe.measured[default] = min(first, step_seconds(parts, default, num))
    if config.train.channels_last == "auto":
        # Whatever it takes: nothing else changes the steps of a slow network as much.
        last = Choice(default.threads, True, default.workers)
        probe.measured[last] = step_seconds(parts, last, num)
    layout = min(probe.measured, key=lambda choice: probe.measured[choice]).channels_last
    for threads, workers in _shares(config, parts, default):
        choice = Choice(threads, layout, workers)
        if choice not in probe.measured and parts.ranks.most(_since(begun)) < budget:
            probe.measured[choice] = step_seconds(parts, choice, num)


def _since(begun: float) -> float:
    return time.perf_counter() - begun


def _shares(config: RunConfig, parts: Parts, default: Choice) -> list[tuple[int, int]]:
    """Return numbers of threads and of workers to be tried, the likeliest first."""
    # Of the machine that has the fewest for a rank: all ranks must try the same.
    cores = max(1, int(-parts.ranks.most(-(usable_cores() // parts.ranks.local_size))))
    is_cuda = parts.stepper.device.type == "cuda"
    free_workers = config.data.workers == "auto"
    free_threads = config.train.threads == "auto" and not _threads_set() and not is_cuda
    counts = [w for w in (1, 2, 4, 8, 16) if w <= cores] if free_workers else [default.workers]
    if is_cuda:
        counts = counts[::-1]
    found = []
    if free_threads and free_workers:
        # Slow networks hardly wait for loading; its processes only take cores away.
        found.append((cores, 0))
    for workers in counts:
        found.append((default.threads, workers))
        if free_threads:
            found.append((max(1, cores - workers), workers))
    if free_threads and free_workers:
        found.append((max(1, cores // 2), 0))
    return list(dict.fromkeys(found))


def step_seconds(parts: Parts, choice: Choice, num: int = STEPS) -> float:
    """Return seconds a step takes, with loading, after two that are not counted."""
    _lay_out(parts.encoder, channels_last=choice.channels_last)
    torch.set_num_threads(choice.threads)
    size, pairs = parts.config.train.batch_size, len(parts.data.pairs)
    draw = np.random.default_rng(parts.config.seed)
    rows = [draw.permutation(pairs)[:size].astype(np.int64) for _ in range(num + 2)]
    plan = BatchPlan(np.stack(rows), 0, parts.config.seed, "probe")
    begun = 0.0
    with loader_of(parts, workers=choice.workers) as loader:
        for step, batch in enumerate(on_device(loader.epoch(plan), parts.stepper.device)):
            result = parts.stepper.run(told(batch, parts.ranks), 0.0, update=True)
            if step >= 1:
                float(result.loss)  # waits for the device
            if step == 1:
                begun = time.perf_counter()
    return parts.ranks.most(_since(begun)) / num


def _lay_out(encoder: Encoder, *, channels_last: bool) -> None:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    encoder.to(memory_format=layout)
    for branch in encoder.branches.values():
        branch.channels_last = channels_last  # type: ignore[assignment]


def usable_cores() -> int:
    """Return on how many cores this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads_set() -> bool:
    return any(name in os.environ for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"))


def _default(config: RunConfig) -> Choice:
    """Return what is used where nothing is measured: what is set, else torch's and georet's own."""
    train = config.train
    threads = torch.get_num_threads() if train.threads == "auto" else train.threads
    return Choice(threads, train.channels_last is True, config.data.num_workers)


@contextmanager
def _untouched() -> Iterator[None]:
    """Put threads and the state of all global random generators back at the end."""
    threads, of_python, of_numpy = torch.get_num_threads(), random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

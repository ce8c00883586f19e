"""Who makes the shards: this process, or a pool of processes with a session each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from georet.contracts.running import Session
from georet.errors import DataError
from georet.gallery.files.journal import shard_name
from georet.gallery.files.plan import Plan
from georet.gallery.making.shards import ShardMaker, Tick, Work
from georet.gallery.making.worker import FAILED, TILES, serve
from georet.processes import Child, Ended, close_all, ready
from georet.progress import echo

_POLL_S: Final = 0.2
_TRIES: Final = 2
SILENCE_S: Final = 600.0
"""Seconds after which a worker that did not finish a batch is taken for hanging, and killed."""


def make_here(
    work: Work, plan: Plan, session: Session, shards: Sequence[int], tick: Tick
) -> list[int]:
    """Make shards in this process, in order, and return them; what others are at is left out."""
    maker = ShardMaker(work, plan, session)
    return [shard for shard in shards if maker.make(shard, tick)]


def make_in_pool(
    work: Work, plan: Plan, shards: Sequence[int], tick: Tick, *, workers: int
) -> list[int]:
    """Make and return shards in ``workers`` processes, each with a session on its share of cores.

    A worker that dies or hangs is named on stderr and its shard tried once more; then it is a
    DataError. When ``tick`` raises, all workers are killed: what they were at is made again later.
    """
    pool = _Pool(work, plan, list(shards), min(workers, len(shards)))
    try:
        pool.run(tick)
    finally:
        pool.close()
    return pool.made


@dataclass
class _Worker:
    number: int
    child: Child
    shard: int | None = None

    @property
    def advice(self) -> str:
        """What may help against such an end."""
        if self.child.was_killed:
            return "Memory may have run out: give fewer --workers or a smaller --batch."
        return "What it said of itself stands above."


@dataclass
class _Pool:
    work: Work
    plan: Plan
    todo: list[int]
    num_workers: int
    workers: list[_Worker] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    deaths: dict[int, int] = field(default_factory=dict)

    def run(self, tick: Tick) -> None:
        self.todo.reverse()
        for number in range(self.num_workers):
            self._start(number)
        while any(worker.shard is not None for worker in self.workers):
            heard = ready([worker.child for worker in self.workers], _POLL_S)
            tick(0)
            for worker in list(self.workers):
                if worker.child in heard:
                    self._hear(worker, tick)
                elif worker.shard is not None and worker.child.silence_s > SILENCE_S:
                    # Its pipe closes, and it is replaced as a dead one.
                    worker.child.kill(f"gave no sign for {SILENCE_S:g} s")

    def close(self) -> None:
        close_all(worker.child for worker in self.workers)

    def _start(self, number: int) -> None:
        # Pools of threads that fight over cores are slow, so each worker gets its share of them.
        threads = max(1, num_cores() // self.num_workers)
        work = replace(self.work, spec=self.work.spec.capped(threads))
        worker = _Worker(number, Child(serve, work, name=f"georet-gallery-{number}"))
        self.workers.append(worker)
        self._next(worker)

    def _next(self, worker: _Worker) -> None:
        worker.shard = self.todo.pop() if self.todo else None
        if worker.shard is not None:
            with suppress(Ended):  # the next look at its pipe tells
                worker.child.send(worker.shard)

    def _hear(self, worker: _Worker, tick: Tick) -> None:
        try:
            kind, value = worker.child.hear()
        except Ended:
            self._replace(worker)
            return
        if kind == FAILED:
            raise value
        if kind == TILES:
            tick(value)
            return
        self.made += value
        self._next(worker)

    def _replace(self, worker: _Worker) -> None:
        """Start another worker in place of a dead one, with the shard that it was at."""
        ending = worker.child.ending
        worker.child.close()
        self.workers.remove(worker)
        if worker.shard is None:
            return
        self.deaths[worker.shard] = self.deaths.get(worker.shard, 0) + 1
        rows = self.plan.rows(worker.shard)
        ids = self.plan.tiles.ids
        what = (
            f"gallery worker {worker.number} (pid {worker.child.pid}) "
            f"{ending} at {shard_name(worker.shard)} "
            f"(tiles {ids[rows[0]]} to {ids[rows[-1]]})"
        )
        if self.deaths[worker.shard] >= _TRIES:
            raise DataError(
                f"{what}, for the second time",
                hint=f"{worker.advice} "
                "The same command goes on; --workers 0 embeds in the main process.",
            )
        echo(f"warning: {what}; trying once more", err=True)
        self.todo.append(worker.shard)
        self._start(worker.number)


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

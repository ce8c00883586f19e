"""Who makes the shards: this process, or a pool of processes with a session each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from georet.contracts.running import Session
from georet.errors import DataError
from georet.gallery.files.journal import shard_name
from georet.gallery.files.plan import Plan
from georet.gallery.making.shards import ShardMaker, Tick, Work
from georet.gallery.making.worker import FAILED, TILES, serve
from georet.sessions import SessionSpec

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
    process: Any
    connection: Connection
    shard: int | None = None
    is_hung: bool = False
    heard_s: float = field(default_factory=time.monotonic)

    @property
    def silence_s(self) -> float:
        """Seconds since it last sent anything."""
        return time.monotonic() - self.heard_s

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self.process.exitcode
        if self.is_hung:
            return f"gave no sign for {SILENCE_S:g} s"
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended (exit code {code})"

    @property
    def advice(self) -> str:
        """What may help against such an end."""
        if self.process.exitcode == -signal.SIGKILL and not self.is_hung:
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
            ready = wait([worker.connection for worker in self.workers], _POLL_S)
            tick(0)
            for worker in list(self.workers):
                if worker.connection in ready:
                    self._hear(worker, tick)
                elif worker.shard is not None and worker.silence_s > SILENCE_S:
                    worker.process.kill()  # its pipe closes, and it is replaced as a dead one
                    worker.is_hung = True

    def close(self) -> None:
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.process.join()
            worker.connection.close()

    def _start(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        work = replace(self.work, spec=_capped(self.work.spec, self.num_workers))
        process = context.Process(
            target=serve, args=(theirs, work), name=f"georet-gallery-{number}", daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(number, process, ours)
        self.workers.append(worker)
        self._next(worker)

    def _next(self, worker: _Worker) -> None:
        worker.shard = self.todo.pop() if self.todo else None
        if worker.shard is not None:
            with suppress(OSError):  # it has just died, which the next look at its pipe tells
                worker.connection.send(worker.shard)

    def _hear(self, worker: _Worker, tick: Tick) -> None:
        worker.heard_s = time.monotonic()
        try:
            kind, value = worker.connection.recv()
        except (EOFError, OSError):
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
        worker.process.join()
        worker.connection.close()
        self.workers.remove(worker)
        if worker.shard is None:
            return
        self.deaths[worker.shard] = self.deaths.get(worker.shard, 0) + 1
        rows = self.plan.rows(worker.shard)
        ids = self.plan.tiles.ids
        what = (
            f"gallery worker {worker.number} (pid {worker.process.pid}) "
            f"{worker.ending} at {shard_name(worker.shard)} "
            f"(tiles {ids[rows[0]]} to {ids[rows[-1]]})"
        )
        if self.deaths[worker.shard] >= _TRIES:
            raise DataError(
                f"{what}, for the second time",
                hint=f"{worker.advice} "
                "The same command goes on; --workers 0 embeds in the main process.",
            )
        sys.stderr.write(f"warning: {what}; trying once more\n")
        self.todo.append(worker.shard)
        self._start(worker.number)


def _capped(spec: Any, num_workers: int) -> Any:
    """Give each worker its share of the cores: pools of threads that fight are slow."""
    if not isinstance(spec, SessionSpec) or spec.threads is not None:
        return spec
    return replace(spec, threads=max(1, num_cores() // num_workers))


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

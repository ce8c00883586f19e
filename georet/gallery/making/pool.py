"""A pool of processes with a session each: given shards, heard, watched, replaced."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from georet.contracts.making import Tick
from georet.errors import DataError
from georet.gallery.files.journal import shard_name
from georet.gallery.files.plan import Plan
from georet.gallery.making.shards import Work, placed
from georet.gallery.making.waits import Waits
from georet.gallery.making.worker import FAILED, TILES, serve
from georet.processes import Child, Ended, close_all, num_cores, ready
from georet.progress import echo

_POLL_S: Final = 0.2
_TRIES: Final = 2
_QUEUED: Final = 2
"""Shards that a process has at once, so that it reads ahead over their border."""
SILENCE_S: Final = 600.0
"""Seconds after which a worker that did not finish a batch is taken for hanging, and killed."""


@dataclass
class _Worker:
    number: int
    child: Child
    shards: list[int] = field(default_factory=list)

    @property
    def advice(self) -> str:
        """What may help against such an end."""
        if self.child.was_killed:
            return "Memory may have run out: give fewer --workers or a smaller --batch."
        return "What it said of itself stands above."


class Pool:
    """Makes shards in a process for each of ``devices``, each with a session of its own.

    On a CPU each session gets its share of the cores. A process that dies or hangs is named on
    stderr and its shards are given out again; if that happens twice at one shard it is a DataError.
    """

    def __init__(self, work: Work, plan: Plan, devices: Sequence[str | None]) -> None:
        self.waits = Waits()
        self._work, self._plan, self._devices = work, plan, devices
        self._todo: list[int] = []
        self._workers: list[_Worker] = []
        self._made: list[int] = []
        self._deaths: dict[int, int] = {}

    def make(self, shards: Sequence[int], tick: Tick) -> list[int]:
        """Make shards and return them; what others are at is left out.

        When ``tick`` raises, ``close`` kills all: what they were at is made again later.
        """
        self._todo, self._made = list(reversed(shards)), []
        for number in range(len(self._workers), min(len(self._devices), len(shards))):
            self._workers.append(self._started(number))
        # One shard each before anyone gets a second.
        for _ in range(_QUEUED):
            for worker in self._workers:
                self._give(worker)
        while any(worker.shards for worker in self._workers):
            heard = ready([worker.child for worker in self._workers], _POLL_S)
            tick(0)
            for worker in list(self._workers):
                if worker.child in heard:
                    self._hear(worker, tick)
                elif worker.shards and worker.child.silence_s > SILENCE_S:
                    # Its pipe closes, and it is replaced as a dead one.
                    worker.child.kill(f"gave no sign for {SILENCE_S:g} s")
        return self._made

    def close(self) -> None:
        """Kill the processes."""
        close_all(worker.child for worker in self._workers)
        self._workers = []

    def _started(self, number: int) -> _Worker:
        # Pools of threads that fight over cores are slow, so each worker gets its share of them.
        threads = max(1, num_cores() // len(self._devices))
        spec = placed(self._work.spec, self._devices[number]).capped(threads)
        name = f"georet-gallery-{number}"
        has_children = self._work.decoders > 0
        work = replace(self._work, spec=spec)
        return _Worker(number, Child(serve, work, name=name, has_children=has_children))

    def _give(self, worker: _Worker) -> None:
        if self._todo and len(worker.shards) < _QUEUED:
            worker.shards.append(self._todo.pop())
            with suppress(Ended):  # the next look at its pipe tells
                worker.child.send(worker.shards[-1])

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
        shard, is_made, waits = value
        self.waits += waits
        worker.shards.remove(shard)
        self._made += [shard] if is_made else []
        self._give(worker)

    def _replace(self, worker: _Worker) -> None:
        """Start another worker in place of a dead one, with the shards that it had."""
        ending = worker.child.ending
        worker.child.close()
        self._workers.remove(worker)
        if worker.shards:
            self._blame(worker, ending)
            self._todo += reversed(worker.shards)
        if self._todo:
            other = self._started(worker.number)
            self._workers.append(other)
            for _ in range(_QUEUED):
                self._give(other)

    def _blame(self, worker: _Worker, ending: str) -> None:
        shard = worker.shards[0]
        self._deaths[shard] = self._deaths.get(shard, 0) + 1
        rows, ids = self._plan.rows(shard), self._plan.tiles.ids
        what = (
            f"gallery worker {worker.number} (pid {worker.child.pid}) "
            f"{ending} at {shard_name(shard)} (tiles {ids[rows[0]]} to {ids[rows[-1]]})"
        )
        if self._deaths[shard] >= _TRIES:
            raise DataError(
                f"{what}, for the second time",
                hint=f"{worker.advice} "
                "The same command goes on; --workers 0 embeds in the main process.",
            )
        echo(f"warning: {what}; trying once more", err=True)

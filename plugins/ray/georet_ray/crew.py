"""Actors that make shards: started, given work, pinged, and named where they fail."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from georet.contracts.making import Making, Tick
from georet.errors import DataError, portable
from georet_ray.cluster import Cluster

_POLL_S: Final = 1.0
_PING_S: Final = 10.0
_RESTARTS: Final = 2


class ShardActor:
    """Makes shards in a process of Ray's; the encoder is opened with the first one."""

    def __init__(self, maker: Callable[..., Making], threads: int, decoders: int) -> None:
        self._opens, self._options = maker, {"threads": threads, "decoders": decoders}
        self._maker: Making | None = None

    def ping(self) -> int:
        """Return the process's number; answered while a shard is made, too."""
        return os.getpid()

    def make(self, shard: int) -> tuple[bool, int, Exception | None]:
        """Return whether the shard was made here, how many tiles it has, and what went wrong."""
        num = 0

        def tick(more: int) -> None:
            nonlocal num
            num += more

        try:
            if self._maker is None:
                self._maker = self._opens(**self._options)
            return self._maker.make(shard, tick), num, None
        except Exception as error:
            return False, num, portable(error, "a Ray actor")


@dataclass
class _Member:
    number: int
    actor: Any
    heard_s: float
    ping: Any
    pid: int = 0
    work: Any = None
    shard: int = -1


class Crew:
    """``num`` actors that want so much of a node each; all calls come from one thread."""

    def __init__(
        self,
        cluster: Cluster,
        maker: Callable[..., Making],
        wanted: Mapping[str, float],
        decoders: int,
        num: int,
        patience_s: float,
    ) -> None:
        self._cluster, self._ray, self._maker = cluster, cluster.ray, maker
        self._wanted, self._decoders = wanted, decoders
        self._num, self._patience_s = num, patience_s
        self._members: list[_Member] = []

    def make(self, shards: Sequence[int], tick: Tick) -> list[int]:
        """Make shards and return them; DataError where Ray starts or answers nobody for long."""
        todo, made = list(reversed(shards)), list[int]()
        while len(self._members) < min(self._num, len(shards)):
            self._members.append(self._started(len(self._members)))
        for member in self._members:
            member.heard_s = time.monotonic()  # nobody listened between two calls
        while todo or any(member.work is not None for member in self._members):
            tick(0)
            for member in self._members:
                if member.pid and member.work is None and todo:
                    member.shard = todo.pop()
                    member.work = member.actor.make.remote(member.shard)
            refs = [m.work for m in self._members if m.work is not None]
            refs += [m.ping for m in self._members if m.ping is not None]
            done, _ = self._ray.wait(refs, num_returns=1, timeout=_POLL_S)
            for member in self._members:
                self._note_ping(member, done)
                if member.work is not None and member.work in done:
                    made += self._finished(member, tick)
            self._watch(bool(todo))
        return made

    def close(self) -> None:
        """End the actors."""
        for member in self._members:
            self._ray.kill(member.actor, no_restart=True)
        self._members = []

    def _started(self, number: int) -> _Member:
        options = {
            "num_cpus": self._wanted["CPU"],
            "num_gpus": self._wanted["GPU"],
            "max_restarts": _RESTARTS,
            "max_task_retries": _RESTARTS,
            "max_concurrency": 2,
        }
        # Ray sets the threads of some libraries only.
        threads = max(1, int(self._wanted["CPU"]) - self._decoders)
        kind = self._ray.remote(**options)(ShardActor)
        actor = kind.remote(self._maker, threads, self._decoders)
        return _Member(number, actor, time.monotonic(), actor.ping.remote())

    def _note_ping(self, member: _Member, done: Sequence[Any]) -> None:
        """Take in an answer, or ask again when the last one is some time ago."""
        now_s = time.monotonic()
        if member.ping is None:
            if now_s - member.heard_s > _PING_S:
                member.ping = member.actor.ping.remote()
            return
        if member.ping not in done:
            return
        try:
            member.pid = self._ray.get(member.ping)
        except self._ray.exceptions.RayError as error:
            raise self._lost(member, error) from error
        member.ping, member.heard_s = None, now_s

    def _finished(self, member: _Member, tick: Tick) -> list[int]:
        """Return the shard that a member has made, if it has."""
        try:
            is_made, num, error = self._ray.get(member.work)
        except self._ray.exceptions.RayError as lost:
            raise self._lost(member, lost) from lost
        if error is not None:
            raise error
        member.work = None
        tick(num)
        return [member.shard] if is_made else []

    def _watch(self, is_work_left: bool) -> None:
        """Raise DataError where nobody has come, or somebody with a shard has gone silent."""
        now_s = time.monotonic()
        silent = [m for m in self._members if now_s - m.heard_s > self._patience_s]
        if silent and not any(member.pid for member in self._members) and is_work_left:
            raise self._cluster.starved(self._wanted, self._patience_s, "no actor was started")
        for member in silent:
            if member.work is not None:
                what = (
                    f"actor {member.number} (pid {member.pid}), at shard {member.shard}, was silent"
                )
                raise self._cluster.starved(self._wanted, self._patience_s, what)

    def _lost(self, member: _Member, error: Exception) -> DataError:
        first = str(error).strip().splitlines()[0]
        return DataError(
            f"Ray's actor {member.number} (pid {member.pid}) died {_RESTARTS + 1} times"
            + (f", last at shard {member.shard}" if member.shard >= 0 else "")
            + f": {first}",
            hint="Memory may have run out: give fewer actors, or a smaller --batch. "
            "The same command goes on.",
        )

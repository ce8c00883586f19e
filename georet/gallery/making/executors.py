"""Who makes the shards on this machine: the calling process, or a pool with a session each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from georet.contracts.running import Session
from georet.gallery.files.plan import Plan
from georet.gallery.making.layout import layout
from georet.gallery.making.maker import Listed, ShardMaker
from georet.gallery.making.pool import Pool
from georet.gallery.making.shards import Tick, Work
from georet.gallery.making.waits import Waits


class Here:
    """Makes shards on this machine; the processes that it starts stay until ``close``.

    ``workers`` and ``devices`` as in ``layout``.
    """

    def __init__(
        self,
        work: Work,
        plan: Plan,
        session: Session,
        *,
        workers: int | None,
        devices: Sequence[str] | None,
    ) -> None:
        self._work, self._plan, self._session = work, plan, session
        self._workers, self._devices = workers, devices
        self._maker: ShardMaker | None = None
        self._pool: Pool | None = None
        self._stack = ExitStack()
        self.num_decoders = 0

    def make(self, shards: Sequence[int], tick: Tick) -> list[int]:
        """Make shards and return them; what other processes are at is left out."""
        if self._maker is None and self._pool is None:
            self._start(len(shards))
        if self._pool is not None:
            return self._pool.make(shards, tick)
        assert self._maker is not None
        made: list[int] = []

        def note(shard: int, is_made: bool) -> None:
            made.extend([shard] if is_made else [])

        self._maker.make(Listed(shards), tick, note)
        return made

    def waits(self) -> Waits:
        """Return how long the stages waited, over all processes."""
        if self._pool is not None:
            return self._pool.waits
        return Waits() if self._maker is None else self._maker.waits()

    def close(self) -> None:
        """End processes and threads, and give claims back."""
        self._stack.close()

    def _start(self, num_shards: int) -> None:
        devices, decoders = layout(self._session, num_shards, self._workers, self._devices)
        self.num_decoders = decoders * max(1, len(devices))
        work = replace(self._work, decoders=decoders)
        if devices:
            self._pool = Pool(work, self._plan, devices)
            self._stack.callback(self._pool.close)
        else:
            self._maker = ShardMaker(work, self._plan, self._session)
            self._stack.callback(self._maker.close)

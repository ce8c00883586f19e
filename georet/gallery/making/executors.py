"""Executors: which one a build has, and ``local``: this process, or a pool with a session each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import cast

from georet.config import ComponentSpec
from georet.contracts.making import Build, Executor, Tick
from georet.contracts.running import Session
from georet.gallery.files.plan import Plan
from georet.gallery.making.building import Opened
from georet.gallery.making.layout import layout
from georet.gallery.making.maker import Listed, ShardMaker
from georet.gallery.making.pool import Pool
from georet.gallery.making.reading import most_bytes, ring_bytes
from georet.gallery.making.shards import Work
from georet.gallery.making.waits import Waits
from georet.plugins import Selection, load_plugins
from georet.sources.asked import options_of

LOCAL = "local"


def executor_of(asked: str | Executor, selection: Selection) -> Executor:
    """Return the executor asked for: an object, or ``NAME`` or ``NAME?key=value&key=value``."""
    if not isinstance(asked, str):
        return asked
    name, _, query = asked.partition("?")
    spec = ComponentSpec.model_validate({"name": name, **options_of(query, where="--executor")})
    catalog = load_plugins(selection).catalog
    return cast(Executor, catalog.create("executors", spec, where="--executor"))


class Local:
    """The executor ``local``: shards are made on this machine, by this call."""

    def run(self, build: Build, /) -> None:
        """Make all shards of the call's share."""
        with build.opened() as opened:
            assert isinstance(opened, Opened)
            here = Here(
                opened.work,
                opened.plan,
                opened.session,
                workers=build.workers,
                devices=build.devices,
                say=build.say,
            )
            with closing(here):
                opened.finish(here.make, here.told)


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
        say: Callable[[str], None],
    ) -> None:
        self._work, self._plan, self._session = work, plan, session
        self._workers, self._devices, self._say = workers, devices, say
        self._maker: ShardMaker | None = None
        self._pool: Pool | None = None
        self._stack = ExitStack()
        self._num_decoders = 0

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

    def told(self) -> str:
        """Return how long the stages waited, over all processes."""
        waits = Waits() if self._maker is None else self._maker.waits()
        return (waits if self._pool is None else self._pool.waits).in_words(self._num_decoders)

    def close(self) -> None:
        """End processes and threads, and give claims back."""
        self._stack.close()

    def _start(self, num_shards: int) -> None:
        devices, decoders = layout(self._session, num_shards, self._workers, self._devices)
        self._num_decoders = decoders * max(1, len(devices))
        work = replace(self._work, decoders=decoders)
        if devices:
            self._pool = Pool(work, self._plan, devices)
            self._stack.callback(self._pool.close)
        else:
            self._maker = ShardMaker(work, self._plan, self._session)
            self._stack.callback(self._maker.close)
        if decoders:
            each = f"each of {len(devices)} processes has " if devices else ""
            batch_size = int(self._plan.settings["batch_size"])
            ahead = ring_bytes(self._session, batch_size, decoders)
            most = most_bytes(self._session, self._plan.settings, decoders)
            self._say(
                f"note: {each}{decoders} decoders and {ahead / 1e6:,.0f} MB of tiles read ahead, "
                f"at most {most / 1e9:.1f} GB with all that is beside the encoder"
            )

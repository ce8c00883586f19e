"""One call that builds a gallery, as executors see it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from georet.contracts.making import Make, Tick
from georet.contracts.running import Session
from georet.errors import DataError, IntegrityError, Interrupted, UsageError
from georet.gallery.files.journal import BLOCKS
from georet.gallery.files.plan import BUILD, PLAN, Plan, check_same, load_plan, write_plan
from georet.gallery.making.campaign import Campaign
from georet.gallery.making.maker import Listed, ShardMaker
from georet.gallery.making.settings import BuildSettings
from georet.gallery.making.shards import Opener, Work, placed
from georet.interrupt import StopRequest
from georet.sources.opening import open_source
from georet.tiles.remarks import remarks_of
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling


@dataclass(frozen=True)
class MakerOf:
    """Opens what makes shards of a build, in the process that calls it."""

    work: Work

    def __call__(self, *, threads: int | None = None, decoders: int = 0) -> OneByOne:
        """Return it; UsageError where the encoder found here computes in another way."""
        plan = load_plan(self.work.folder)
        if plan is None:
            raise IntegrityError("lost its plan while it was built", where=str(self.work.folder))
        spec = self.work.spec if threads is None else self.work.spec.capped(threads)
        session = spec.open()
        found, wanted = session.identity.as_json(), plan.settings["encoder"]
        if found != wanted:
            differ = ", ".join(f"{k} {found[k]!r}" for k in found if found[k] != wanted.get(k))
            raise UsageError(
                f"the encoder found here differs from the one that began the build: {differ}",
                where=f"{socket.gethostname()}, {self.work.folder}",
                hint="All machines of a build need the same weights, runtime and kind of device.",
            )
        return OneByOne(replace(self.work, decoders=decoders), plan, session)


class OneByOne:
    """Makes single shards with one session (``georet.contracts.making.Making``)."""

    def __init__(self, work: Work, plan: Plan, session: Session) -> None:
        self._session, self._maker = session, ShardMaker(work, plan, session)

    def make(self, shard: int, tick: Tick = lambda _: None, /) -> bool:
        """Make a shard, unless another process is at it or was faster; say whether it was made."""
        found = []
        self._maker.make(Listed([shard]), tick, lambda _, is_made: found.append(is_made))
        return all(found)

    def close(self) -> None:
        """End what reads, and the session."""
        self._maker.close()
        self._session.close()


@dataclass
class Opened:
    """A build whose plan is fixed (``georet.contracts.making.Opened``)."""

    work: Work
    plan: Plan
    session: Session
    share: tuple[int, int]
    stop: StopRequest
    say: Callable[[str], None]

    @property
    def num_shards(self) -> int:
        """The number of shards of the whole gallery."""
        return self.plan.num_shards

    @property
    def maker(self) -> MakerOf:
        """What opens another encoder elsewhere."""
        return MakerOf(self.work)

    def finish(self, make: Make, told: Callable[[], str] | None = None) -> None:
        """Make what is missing by ``make``, and seal the gallery when all is there."""
        Campaign(self.work, self.plan, make, self.stop, self.share, self.say, told).run()


@dataclass
class Building:
    """One call that builds a gallery (``georet.contracts.making.Build``)."""

    source: str | Path | TileSource
    encoder: Opener
    folder: Path
    settings: BuildSettings
    stop: StopRequest
    told: Callable[[str], None]
    command: Sequence[str] | None = None

    @property
    def workers(self) -> int | None:
        """How many processes shall read, None: as fits."""
        return self.settings.workers

    @property
    def devices(self) -> Sequence[str] | None:
        """Where it shall be embedded, None: where the encoder says."""
        return self.settings.devices

    @property
    def num_shares(self) -> int:
        """Of how many calls this one is."""
        return (self.settings.shard or (1, 1))[1]

    def say(self, text: str) -> None:
        """Tell the user a line."""
        self.told(text)

    def check_stop(self) -> None:
        """Raise Interrupted where a signal asks to stop."""
        if self.stop.requested:
            raise Interrupted(f"stopped by {self.stop.requested}", where=str(self.folder))

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """Open source and encoder, and fix the plan."""
        settings, source = self.settings, self.source
        if not isinstance(source, TileSource):
            tiling = settings.tiling or Tiling()
            source = open_source(source, tiling, selection=self.encoder.selection)
        first = self.devices[0] if self.devices else None
        with closing(placed(self.encoder, first).open()) as session:
            described = {
                "source": source.describe(),
                "encoder": session.identity.as_json(),
                **settings.as_json(),
            }
            for line in remarks_of(source):
                self.say(line)
            plan = _planned(self.folder, source, described, self.encoder.as_json())
            num_bad_allowed = int(settings.bad_tile_quota * len(plan.tiles))
            work = Work(self.folder, source, self.encoder, num_bad_allowed)
            share = settings.shard or (1, 1)
            yield Opened(work, plan, session, share, self.stop, self.say)


def _planned(
    out: Path, source: TileSource, settings: dict[str, Any], encoder_source: dict[str, Any] | None
) -> Plan:
    """Return the plan of ``out``: the one that was written there, or a new one.

    UsageError for a folder that no build began: there is somebody else's work in it.
    """
    if out.exists() and not (out / BUILD).is_file():
        if not out.is_dir():
            raise UsageError(
                "is a file, and a gallery is a folder", where=str(out), hint="Choose another --out."
            )
        early = {PLAN, "shards", BLOCKS}
        others = [
            path for path in out.iterdir() if path.name not in early and path.suffix != ".tmp"
        ]
        others += (out / "shards").glob("*")
        if others:
            raise UsageError(
                f"holds other things, such as {others[0].name}",
                where=str(out),
                hint="Choose a folder that is empty or does not exist yet.",
            )
    try:
        (out / "shards").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"can't be written: {error.strerror}", where=str(out)) from error
    plan = load_plan(out)
    if plan is None:
        header = {"settings": settings, "encoder_source": encoder_source}
        return write_plan(out, source.tiles(), header)
    check_same(plan, settings, out)
    return plan

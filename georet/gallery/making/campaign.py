"""From a plan to a sealed gallery: make what is missing, wait for what others are at."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from georet.contracts.making import Make
from georet.errors import DataError, Interrupted
from georet.files import tidy_temporary
from georet.gallery.files.claims import SAID_S, holder_in_words, is_held, waiting_claim
from georet.gallery.files.journal import BLOCKS, blocks_name, shard_name
from georet.gallery.files.ledger import Ledger
from georet.gallery.files.plan import PLAN, Plan
from georet.gallery.files.seal import seal_gallery
from georet.gallery.making.pace import Pace
from georet.gallery.making.shards import Work, claim_path, too_many_bad
from georet.interrupt import StopRequest
from georet.progress import stage

_MOST_TRIES: Final = 3
_POLL_S: Final = 0.2
_SEAL_CLAIM: Final = ".gallery.json.claim"


@dataclass
class Campaign:
    """One call's share ``(i, n)`` of a build; other calls may be at the same one."""

    work: Work
    plan: Plan
    make: Make
    stop: StopRequest
    share: tuple[int, int]
    say: Callable[[str], None]
    told: Callable[[], str] | None = None
    lost: Counter[int] = field(default_factory=Counter)

    def run(self) -> None:
        """Make the shards of the share; seal the gallery if then all of its shards are done."""
        ledger = Ledger(self.work.folder, self.plan)
        ledger.refresh()
        num_tiles = len(self.plan.tiles)
        with stage(num_tiles, "embed tiles", done=ledger.num_tiles) as bar:
            pace = Pace(bar, num_tiles, ledger.num_tiles)
            waits = _Waits(self.work.folder, self.say)
            while missing := self._missing(ledger):
                self._check_stop(ledger)
                free = [s for s in missing if not is_held(claim_path(self.work.folder, s))]
                waits.note([] if free else missing)
                made = self._make(free, ledger, pace)
                ledger.refresh()
                pace.settle(ledger.num_tiles)
                if len(ledger.bad) > self.work.num_bad_allowed:
                    raise too_many_bad(ledger.bad, self.work.num_bad_allowed, self.plan)
                self._count_lost([shard for shard in made if shard not in ledger.done])
        self.say(pace.summary(self.told))
        if len(ledger.done) == self.plan.num_shards:
            self._seal(ledger)

    def _missing(self, ledger: Ledger) -> list[int]:
        number, of = self.share
        mine = range(number - 1, self.plan.num_shards, of)
        return [shard for shard in mine if shard not in ledger.done]

    def _make(self, free: Sequence[int], ledger: Ledger, pace: Pace) -> list[int]:
        """Return the shards that were made; others may have taken some of those that were free."""
        if not free:
            time.sleep(_POLL_S)
            return []

        def tick(num: int) -> None:
            pace.advance(num)
            self._check_stop(ledger)

        return list(self.make(free, tick))

    def _count_lost(self, shards: Sequence[int]) -> None:
        self.lost.update(shards)
        for shard in shards:
            if self.lost[shard] >= _MOST_TRIES:
                raise DataError(
                    "does not hold what was written to it",
                    where=str(self.work.folder / shard_name(shard)),
                    hint="Is the disk all right? The same command goes on.",
                )

    def _check_stop(self, ledger: Ledger) -> None:
        if self.stop.requested:
            ledger.refresh()
            raise Interrupted(
                f"stopped by {self.stop.requested}; {len(ledger.done)} of "
                f"{self.plan.num_shards} shards are done",
                where=str(self.work.folder),
                hint="The same call goes on from there.",
            )

    def _seal(self, ledger: Ledger) -> None:
        folder = self.work.folder
        if not any(entry.rows for entry in ledger.done.values()):
            raise too_many_bad(ledger.bad, self.work.num_bad_allowed, self.plan)
        with waiting_claim(folder / _SEAL_CLAIM, self.say):
            tidy(folder, self.plan)
            seal_gallery(folder, self.plan, list(ledger.done.values()))


class _Waits:
    """Says, once a wait, for whom a builder waits that has nothing else to do."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        self._since: float | None = None

    def note(self, shards: Sequence[int]) -> None:
        """Note that all of these shards are claimed by others; none: there is work."""
        if not shards:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > SAID_S:
            holder = holder_in_words(claim_path(self._folder, shards[0]))
            self._say(f"waiting for {holder}, which makes shard {shards[0]}")
            self._since = float("inf")


def tidy(folder: Path, plan: Plan) -> None:
    """Remove what killed writers left: temporary files, claims, shards that are not planned."""
    planned = {Path(shard_name(shard)).name for shard in range(plan.num_shards)}
    for path in folder.glob("shards/part-*"):
        if path.name not in planned:
            path.unlink(missing_ok=True)
    hashed = {blocks_name(name) for name in (PLAN, *(f"shards/{name}" for name in planned))}
    for path in (folder / BLOCKS).glob("[!.]*"):
        if path.relative_to(folder).as_posix() not in hashed:
            path.unlink(missing_ok=True)
    for place in (folder, folder / "shards", folder / BLOCKS):
        tidy_temporary(place)

"""Making shards: read, embed, write; each stage works while the next one does.

Tiles are read ahead over the borders of shards, and a thread writes a shard while the next one is
embedded. What a shard holds depends on its rows alone, and batches never span two shards.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from georet.contracts.making import Tick
from georet.contracts.running import Session
from georet.embeddings import embed_stream
from georet.feeding.feeder import Filled
from georet.files import tidy_temporary
from georet.gallery.files import journal
from georet.gallery.files.claims import release, try_claim
from georet.gallery.files.journal import shard_name
from georet.gallery.files.ledger import Ledger
from georet.gallery.files.plan import Plan
from georet.gallery.files.writing import store_shard
from georet.gallery.making.reading import feeder_for
from georet.gallery.making.shards import Work, claim_path, too_many_bad
from georet.gallery.making.waits import Waits
from georet.types import Bools, Floats, Ints, Pixels


class Supply(Protocol):
    """Where the numbers of shards come from."""

    def next(self) -> int | None:
        """Return the next shard that is there now, or None."""

    def wait(self) -> bool:
        """Wait until there is a shard, and say so; False: there will be none."""


class Listed:
    """A supply of shards that are all known."""

    def __init__(self, shards: Iterable[int]) -> None:
        self._left = deque(shards)

    def next(self) -> int | None:
        """Return the next shard, or None."""
        return self._left.popleft() if self._left else None

    def wait(self) -> bool:
        """Say whether any is left."""
        return bool(self._left)


@dataclass
class _Open:
    """A shard at work: batches not yet asked for, how many are to come, what came of the others."""

    shard: int
    batches: deque[Ints]
    num_left: int
    rows: list[Ints] = field(default_factory=list)
    embeddings: list[Floats] = field(default_factory=list)
    thumbnails: list[bytes | None] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)


class ShardMaker:
    """Makes shards one after another with one session; ``close`` ends what reads and writes."""

    def __init__(self, work: Work, plan: Plan, session: Session) -> None:
        self._work, self._plan, self._session = work, plan, session
        self._batch_size = int(plan.settings["batch_size"])
        self._feeder = feeder_for(
            work.source,
            session,
            capacity=min(self._batch_size, int(plan.settings["shard_size"]), len(plan.tiles)),
            workers=work.decoders,
            with_thumbnails=bool(plan.settings["thumbnails"]),
        )
        self._filling: _Open | None = None
        self._claimed: set[int] = set()
        self._taken: deque[Filled] = deque()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="georet-shards")
        self._written: Future[None] | None = None
        self._writing_s = 0.0

    def make(self, supply: Supply, tick: Tick, made: Callable[[int, bool], None]) -> None:
        """Make the shards of a supply; ``made`` is told each, and whether this process made it.

        What another process is at, or was faster with, is left out. Raises DataError where more
        tiles are unreadable than allowed, a decoder failed for good, or the disk is full.
        """
        while self._has_more(supply):
            stream = embed_stream(self._session, self._batches(supply, tick, made))
            for embeddings, is_good in stream:
                self._take(embeddings, is_good, tick, made)

    def waits(self) -> Waits:
        """Return how long the stages have waited so far."""
        busy_s = float(getattr(self._session, "busy_s", 0.0))
        return Waits(*self._feeder.idle_s(), self._feeder.waited_s, self._writing_s, busy_s)

    def close(self) -> None:
        """End decoders and writer, and give back the claims on what is not finished."""
        self._feeder.close()
        self._writer.shutdown(wait=True, cancel_futures=True)
        for shard in list(self._claimed):
            self._release(shard)

    def _has_more(self, supply: Supply) -> bool:
        # First what is being written: whoever sends shards may wait to hear of it.
        self._settle()
        return supply.wait()

    def _batches(
        self, supply: Supply, tick: Tick, made: Callable[[int, bool], None]
    ) -> Iterator[Pixels]:
        """Yield images until no shard is left that is there now; batches are asked for ahead."""
        while True:
            while self._feeder.has_room and self._has_batch(supply, made):
                assert self._filling is not None
                self._feeder.put(self._filling.batches.popleft(), self._filling)
            if not self._feeder.num_pending:
                return
            self._taken.append(self._feeder.take(lambda: tick(0)))
            yield self._taken[-1].images

    def _has_batch(self, supply: Supply, made: Callable[[int, bool], None]) -> bool:
        """Say whether there is a batch to ask for, of the shard begun last or of the next one."""
        while self._filling is None or not self._filling.batches:
            shard = supply.next()
            if shard is None:
                return False
            if self._begin(shard):
                rows, size = self._plan.rows(shard), self._batch_size
                cut = deque(rows[start : start + size] for start in range(0, len(rows), size))
                self._filling = _Open(shard, cut, len(cut))
            else:
                made(shard, False)
        return True

    def _begin(self, shard: int) -> bool:
        """Claim a shard; False where another process is at it, or was faster."""
        folder = self._work.folder
        if not try_claim(claim_path(folder, shard)):
            return False
        self._claimed.add(shard)
        if shard in Ledger(folder, self._plan).refresh(only=shard):
            self._release(shard)
            return False
        path = folder / shard_name(shard)
        tidy_temporary(path.parent, path.name)
        return True

    def _release(self, shard: int) -> None:
        release(claim_path(self._work.folder, shard))
        self._claimed.discard(shard)

    def _take(
        self,
        embeddings: Floats,
        is_good: Bools,
        tick: Tick,
        made: Callable[[int, bool], None],
    ) -> None:
        """Add what became of the oldest batch to its shard, and write that if it is whole."""
        batch = self._taken.popleft()
        part: _Open = batch.tag
        good = np.flatnonzero(is_good)
        part.rows.append(batch.rows[good])
        part.embeddings.append(embeddings[good])
        part.thumbnails += [batch.extras[place] for place in good]
        reason = f"back end {self._session.identity.backend!r} gave it no embedding of length 1"
        part.bad += [*batch.bad, *((int(row), reason) for row in batch.rows[~is_good])]
        num = len(batch.rows) + len(batch.bad)
        self._feeder.release(batch)
        part.num_left -= 1
        if len(part.bad) > self._work.num_bad_allowed:
            raise too_many_bad(part.bad, self._work.num_bad_allowed, self._plan)
        if not part.num_left:
            self._settle()
            self._written = self._writer.submit(self._write, part, made)
        tick(num)

    def _write(self, part: _Open, made: Callable[[int, bool], None]) -> None:
        """Write a shard, note it in the journal, give back its claim; in the writer's thread."""
        kept, embeddings = np.concatenate(part.rows), np.concatenate(part.embeddings)
        pictures = part.thumbnails if self._plan.settings["thumbnails"] else None
        folder, bad = self._work.folder, sorted(part.bad)
        entry = store_shard(folder, self._plan, part.shard, kept, embeddings, pictures, bad)
        journal.append(folder, entry)
        self._release(part.shard)
        made(part.shard, True)

    def _settle(self) -> None:
        """Wait until what is being written is on disk; its error is raised here."""
        began_s = time.monotonic()
        if self._written is not None:
            self._written.result()
            self._written = None
        self._writing_s += time.monotonic() - began_s

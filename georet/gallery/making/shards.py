"""Making one shard: read its tiles, embed them, write the file, note it in the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import cv2
import numpy as np

from georet.contracts.running import Session
from georet.data.images import preprocess, within
from georet.embeddings import embed_some
from georet.errors import DataError
from georet.files import tidy_temporary
from georet.gallery.files import journal
from georet.gallery.files.claims import release, try_claim
from georet.gallery.files.journal import ShardEntry, shard_name
from georet.gallery.files.ledger import Ledger
from georet.gallery.files.plan import Plan
from georet.gallery.files.writing import store_shard
from georet.plugins import UNSAID, Selection
from georet.tiles.table import TileSource
from georet.types import REFERENCE, Floats, Ints, Pixels

THUMBNAIL_SIDE: Final = 96
THUMBNAIL_QUALITY: Final = 80
Tick = Callable[[int], None]
"""Is told the number of tiles done; may raise, to stop between batches."""
_Part = tuple[Ints, Floats, list[bytes | None]]
"""rows int64[M], embeddings float32[M, D], thumbnails [M]."""


@runtime_checkable
class Opener(Protocol):
    """What opens a session in the process that needs it, such as a ``SessionSpec``; picklable."""

    @property
    def view(self) -> str:
        """The view that the session embeds."""

    @property
    def selection(self) -> Selection:
        """The plugins that the user named, with which sources are opened as well."""

    def open(self) -> Session:
        """Return the session."""

    def capped(self, threads: int) -> Opener:
        """Return the same with at most so many threads, where it doesn't say how many itself."""

    def as_json(self) -> dict[str, Any] | None:
        """Return where the encoder is, as JSON values that a gallery keeps, or None."""


class SessionOpener(Protocol):
    """The least that a build needs to be given: something that opens a session."""

    def open(self) -> Session:
        """Return the session."""


@dataclass(frozen=True)
class Plain:
    """An ``Opener`` made of what can only open a session; its encoder is not found again later."""

    opens: SessionOpener
    view: str = REFERENCE
    selection: Selection = UNSAID

    def open(self) -> Session:
        """Return the session."""
        return self.opens.open()

    def capped(self, threads: int) -> Plain:  # noqa: ARG002 - it can't be told
        """Return itself."""
        return self

    def as_json(self) -> None:
        """Return None: nothing says where the encoder is."""


@dataclass(frozen=True)
class Work:
    """All that a process needs to make shards of a build; the plan it reads from ``folder``."""

    folder: Path
    source: TileSource
    spec: Opener
    num_bad_allowed: int


class ShardMaker:
    """Makes shards one after another with one session."""

    def __init__(self, work: Work, plan: Plan, session: Session) -> None:
        self._work, self._plan, self._session = work, plan, session

    def make(self, shard: int, tick: Tick) -> bool:
        """Make a shard, unless another process is at it or was faster; say whether it was made.

        Raises DataError where more tiles are unreadable than allowed, or the disk is full.
        """
        folder, path = self._work.folder, self._work.folder / shard_name(shard)
        claim = claim_path(folder, shard)
        if not try_claim(claim):
            return False
        try:
            if shard in Ledger(folder, self._plan).refresh(only=shard):
                return False
            tidy_temporary(path.parent, path.name)
            journal.append(folder, self._write(shard, tick))
        finally:
            release(claim)
        return True

    def _write(self, shard: int, tick: Tick) -> ShardEntry:
        folder, rows = self._work.folder, self._plan.rows(shard)
        batch_size = int(self._plan.settings["batch_size"])
        bad: list[tuple[int, str]] = []
        parts = []
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            parts.append(self._embed(batch, bad))
            if len(bad) > self._work.num_bad_allowed:
                raise too_many_bad(bad, self._work.num_bad_allowed, self._plan)
            tick(len(batch))
        kept = np.concatenate([part[0] for part in parts])
        embeddings = np.concatenate([part[1] for part in parts])
        thumbnails = [picture for part in parts for picture in part[2]]
        pictures = thumbnails if self._plan.settings["thumbnails"] else None
        return store_shard(folder, self._plan, shard, kept, embeddings, pictures, sorted(bad))

    def _embed(self, rows: Ints, bad: list[tuple[int, str]]) -> _Part:
        """Embed the readable tiles of a batch; add (row, reason) of the others to ``bad``."""
        identity = self._session.identity
        size, rule = identity.size, identity.resize_rule
        read, images, thumbnails = [], [np.empty((0, *size, 3), np.uint8)], []
        for row in rows.tolist():
            try:
                tile = self._work.source.read(row)
            except DataError as error:
                bad.append((row, str(error)))
                continue
            read.append(row)
            images.append(preprocess(tile, size, rule)[None])
            thumbnails.append(thumbnail(tile) if self._plan.settings["thumbnails"] else None)
        embeddings, is_good = embed_some(self._session, np.concatenate(images))
        reason = f"back end {self._session.identity.backend!r} gave it no embedding of length 1"
        bad += [(read[i], reason) for i in np.flatnonzero(~is_good)]
        good = np.flatnonzero(is_good)
        return (
            np.array(read, np.int64)[good],
            embeddings[good],
            [thumbnails[i] for i in good],
        )


def thumbnail(tile: Pixels) -> bytes:
    """Return a tile uint8[h, w, 3] as JPEG, its longest side at most ``THUMBNAIL_SIDE`` pixels."""
    bgr = cv2.cvtColor(within(tile, THUMBNAIL_SIDE), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])[1].tobytes()


def claim_path(folder: Path, shard: int) -> Path:
    """Return the file by which a process claims a shard."""
    return folder / f"{shard_name(shard)}.claim"


def too_many_bad(bad: Sequence[tuple[int, str]], allowed: int, plan: Plan) -> DataError:
    """Return the error for a source with more unreadable tiles than the quota allows."""
    first = "".join(f"\n  {plan.tiles.ids[row]}: {why}" for row, why in bad[:3])
    num = len(plan.tiles)
    some = f"at least {len(bad)} of {num:,} tiles can't be used, {allowed} are allowed"
    what = some if len(bad) > allowed else f"none of the {num:,} tiles can be used"
    return DataError(
        f"{what}; the first:{first}",
        hint="Repair the source, or allow more with --bad-tile-quota; the build then goes on.",
    )

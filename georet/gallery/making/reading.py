"""What decoders of a build do: read a tile, bring it to the encoder's size, draw its thumbnail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import cv2

from georet.contracts.running import Session
from georet.data.images import preprocess, within
from georet.data.resizing import FAST, is_fast, resize
from georet.embeddings import held_by
from georet.feeding.decoder import decoder_bytes
from georet.feeding.feeder import Feeder, HereFeeder, PoolFeeder, num_slots_for, piece_of
from georet.feeding.ring import slot_bytes
from georet.tiles.table import Scaled, TileSource
from georet.types import Ints, Pixels

THUMBNAIL_SIDE: Final = 96
THUMBNAIL_QUALITY: Final = 80
_THUMBNAIL_BYTES: Final = 8 << 10
_SHARDS: Final = 2
"""One is embedded while another is written."""
_COPIES: Final = 3
"""A row's values as they came, as one array, as the file's bytes."""


@runtime_checkable
class Laned(Protocol):
    """A source that says which tiles are best read by one process."""

    def lanes(self, rows: Ints) -> Ints:
        """Return a number int64[M] for each row; rows with the same share encoded pixels."""


@dataclass(frozen=True)
class TileFiller:
    """Reads tiles of a source as an encoder takes them: ``size`` is (height, width)."""

    source: TileSource
    size: tuple[int, int]
    rule: str
    with_thumbnails: bool

    def fill(self, row: int, out: Pixels) -> bytes | None:
        """Write a tile to ``out`` uint8[H, W, 3] and return its thumbnail, if it is asked for."""
        if is_fast(self.rule) and isinstance(self.source, Scaled):
            tile = self.source.read_scaled(row, self.size)
            out[:] = resize(tile, self.size, self.rule.removesuffix(FAST))
        else:
            tile = self.source.read(row)
            out[:] = preprocess(tile, self.size, self.rule)
        return thumbnail(tile) if self.with_thumbnails else None

    def lanes(self, rows: Ints) -> Ints | None:
        """Return what the source says of which rows belong together."""
        return self.source.lanes(rows) if isinstance(self.source, Laned) else None

    def name(self, row: int) -> str:
        """Return the tile's id."""
        return f"tile {self.source.tiles().ids[row]}"


def thumbnail(tile: Pixels) -> bytes:
    """Return a tile uint8[h, w, 3] as JPEG, its longest side at most ``THUMBNAIL_SIDE`` pixels."""
    bgr = cv2.cvtColor(within(tile, THUMBNAIL_SIDE), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])[1].tobytes()


def ring_bytes(session: Session, capacity: int, workers: int) -> int:
    """Return the bytes of the ring through which so many decoders feed a session."""
    size = session.identity.size
    piece = piece_of(capacity, workers)
    slots = num_slots_for(workers, piece, capacity, size, held_by(session))
    return slots * slot_bytes(capacity, size)


def most_bytes(session: Session, settings: Mapping[str, Any], decoders: int) -> int:
    """Return the most memory that a build takes in one process beside its encoder.

    For tiles read ahead, so many decoders, and shards in the making. ``settings`` are the plan's.
    """
    ring = ring_bytes(session, int(settings["batch_size"]), decoders)
    row = _COPIES * (4 * session.identity.embed_dim + _THUMBNAIL_BYTES)
    return ring + decoders * decoder_bytes() + _SHARDS * int(settings["shard_size"]) * row


def feeder_for(
    source: TileSource, session: Session, *, capacity: int, workers: int, with_thumbnails: bool
) -> Feeder:
    """Return what feeds a session with tiles in batches of at most ``capacity``.

    ``workers`` processes read ahead; with 0 tiles are read when they are wanted.
    """
    identity, held = session.identity, held_by(session)
    filler = TileFiller(source, identity.size, identity.resize_rule, with_thumbnails)
    feeder: Feeder
    if workers:
        feeder = PoolFeeder(
            filler, size=identity.size, capacity=capacity, workers=workers, held=held
        )
    else:
        feeder = HereFeeder(filler, size=identity.size, capacity=capacity, num_slots=held)
    pin = getattr(session, "pin", None)
    if pin is not None:
        pin(feeder.memory)
    return feeder

"""The far side of a feeder: a process that fills the places of a batch which it is told."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, NamedTuple, Protocol

import cv2

from georet.errors import DataError, portable
from georet.feeding.ring import IDLE, Ring
from georet.interrupt import leave_signals_to_parent
from georet.types import Ints, Pixels

GDAL_CACHE: Final = "GDAL_CACHEMAX"
GDAL_CACHE_MB: Final = 256
_GDAL_BYTES: Final = 100_000
"""Each decoder's cache of raster blocks; by itself GDAL takes a twentieth of the memory."""


DECODER_BYTES: Final = 256 << 20
"""What a decoder takes beside that cache: libraries, and the image it is at, if below 20 MP."""


def decoder_bytes() -> int:
    """Return the most memory of one decoder, beside the ring; the user may have said GDAL's."""
    said = os.environ.get(GDAL_CACHE, str(GDAL_CACHE_MB)).strip()
    try:
        number = float(said.removesuffix("%"))
    except ValueError:
        number = float(GDAL_CACHE_MB)
    if said.endswith("%"):
        cache = number / 100 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    else:
        cache = number * (1 << 20 if number < _GDAL_BYTES else 1)
    return DECODER_BYTES + int(cache)


class Filler(Protocol):
    """Reads single images; picklable. What it writes depends on the row alone."""

    def fill(self, row: int, out: Pixels) -> bytes | None:
        """Write the image of a row to ``out`` uint8[H, W, 3]; return what goes with it, if any.

        DataError where the image can't be read; then ``out`` may hold anything.
        """

    def lanes(self, rows: Ints) -> Ints | None:
        """Return a number int64[M] for each row: those with the same share what must be decoded.

        None where it doesn't matter which process reads what.
        """

    def name(self, row: int) -> str:
        """Return what a row is called, for messages."""


@dataclass(frozen=True)
class Piece:
    """Some rows of one batch: where in which slot they go, and their lane."""

    number: int
    slot: int
    first: int
    rows: Sequence[int]
    lane: int | None


class Reply(NamedTuple):
    """What became of a piece: (place in the batch, reason) of bad images, what goes with each.

    ``busy_s`` was spent on it, ``waited_s`` before it came.
    """

    number: int
    bad: list[tuple[int, str]]
    extras: list[bytes | None]
    busy_s: float
    waited_s: float


def serve(pipe: Connection, filler: Filler, ring: Ring, decoder: int) -> None:
    """Fill the pieces that come through the pipe, until it closes."""
    leave_signals_to_parent()
    # Not 1: that joins threads of the parent, which a forked process has not got.
    cv2.setNumThreads(0)
    os.environ.setdefault(GDAL_CACHE, str(GDAL_CACHE_MB))
    slots, note = ring.images(), ring.places()[decoder]
    while True:
        asked_s = time.monotonic()
        piece: Piece = pipe.recv()
        began_s = time.monotonic()
        try:
            bad, extras = fill_piece(piece, filler, slots[piece.slot], note)
        except Exception as error:
            pipe.send(portable(error, "a decoder"))
            return
        note[0] = IDLE
        ended_s = time.monotonic()
        pipe.send(Reply(piece.number, bad, extras, ended_s - began_s, began_s - asked_s))


def fill_piece(
    piece: Piece, filler: Filler, images: Pixels, note: Ints
) -> tuple[list[tuple[int, str]], list[bytes | None]]:
    """Fill a piece's places of ``images`` uint8[B, H, W, 3], keeping ``note`` int64[2] up to date.

    Returns (place, reason) of the bad ones, and what goes with each image.
    """
    bad: list[tuple[int, str]] = []
    extras: list[bytes | None] = []
    for place, row in enumerate(piece.rows, piece.first):
        note[:] = row, note[1] + 1
        try:
            extras.append(filler.fill(row, images[place]))
        except DataError as error:
            bad.append((place, str(error)))
            extras.append(None)
    return bad, extras

"""A batch on its way: waiting for its pieces, then filled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from georet.feeding.decoder import Reply
from georet.types import Ints, Pixels


@dataclass
class Filled:
    """A batch: the readable ``rows`` int64[M] and ``images`` uint8[M, H, W, 3] in their order.

    ``extras`` [M] came with the images; ``bad`` are (row, reason) of the others. The images stay
    until the batch is released.
    """

    tag: Any
    slot: int
    rows: Ints
    images: Pixels
    extras: list[bytes | None]
    bad: list[tuple[int, str]]


@dataclass
class Waiting:
    """A batch of which ``num_left`` pieces are to come."""

    tag: Any
    slot: int
    rows: Ints
    num_left: int
    extras: list[bytes | None]
    bad: list[tuple[int, str]] = field(default_factory=list)

    def note(self, first: int, reply: Reply) -> None:
        """Take in what became of the piece that begins at ``first``."""
        self.num_left -= 1
        self.bad += reply.bad
        self.extras[first : first + len(reply.extras)] = reply.extras


def filled(batch: Waiting, slot: Pixels) -> Filled:
    """Return a batch whose pieces are all there, bad images left out and the others moved up."""
    images, rows, extras = slot[: len(batch.rows)], batch.rows, batch.extras
    bad = sorted(batch.bad)
    if bad:
        is_good = np.ones(len(rows), bool)
        is_good[[place for place, _ in bad]] = False
        good = np.flatnonzero(is_good)
        for place, origin in enumerate(good):
            images[place] = images[origin]
        images, extras = images[: len(good)], [extras[place] for place in good]
    else:
        good = np.arange(len(rows))
    reasons = [(int(rows[place]), why) for place, why in bad]
    return Filled(batch.tag, batch.slot, rows[good], images, extras, reasons)

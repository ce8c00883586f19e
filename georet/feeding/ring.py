"""The ring: batches of images in memory that decoders write and the device's process reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.errors import DataError
from georet.feeding.shared import SharedBytes
from georet.types import Ints, Pixels

LEAST_SLOTS: Final = 2
IDLE: Final = -1


@dataclass(frozen=True)
class Ring:
    """``num_slots`` batches uint8[capacity, H, W, 3], and what each decoder is at.

    ``size`` is height and width. ``notes`` holds for each decoder the row it reads, or ``IDLE``,
    and the number of rows it has begun.
    """

    memory: SharedBytes
    notes: SharedBytes
    num_slots: int
    capacity: int
    size: tuple[int, int]

    @property
    def num_bytes(self) -> int:
        """Bytes of all slots."""
        return self.num_slots * slot_bytes(self.capacity, self.size)

    def images(self) -> Pixels:
        """Return the slots, uint8[num_slots, capacity, H, W, 3]."""
        shape = (self.num_slots, self.capacity, *self.size, 3)
        return self.memory.array[: self.num_bytes].reshape(shape)

    def places(self) -> Ints:
        """Return what decoders are at: int64[W, 2] of row and number of rows begun."""
        return self.notes.array.view(np.int64).reshape(-1, 2)

    def close(self) -> None:
        """Give it to no further process."""
        self.memory.close()
        self.notes.close()


def slot_bytes(capacity: int, size: tuple[int, int]) -> int:
    """Return the bytes of one batch of images."""
    return capacity * size[0] * size[1] * 3


def make_ring(num_slots: int, capacity: int, size: tuple[int, int], num_decoders: int) -> Ring:
    """Return a ring of so many slots, or of fewer where memory is short.

    DataError where there is none for ``LEAST_SLOTS``.
    """
    notes = SharedBytes(16 * max(1, num_decoders))
    for slots in range(num_slots, LEAST_SLOTS - 1, -1):
        try:
            memory = SharedBytes(slots * slot_bytes(capacity, size))
        except MemoryError:
            continue
        return Ring(memory, notes, slots, capacity, size)
    needed = LEAST_SLOTS * slot_bytes(capacity, size)
    raise DataError(
        f"there is no memory for {LEAST_SLOTS} batches of {capacity} images "
        f"({needed / 1e6:,.0f} MB) that processes share",
        hint="Give a smaller --batch, or --workers 0.",
    )

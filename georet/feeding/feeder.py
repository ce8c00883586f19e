"""The near side of a feeder: takes rows in batches, gives them back as images, in order.

Batches are filled ahead of whoever takes them, in the slots of a ring. A slot is written again
only after it was released, so that a device may still be copying from it.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from multiprocessing import get_context
from typing import Any, Final, Protocol

import numpy as np

from georet.feeding.batch import Filled, Waiting, filled
from georet.feeding.decoder import Filler, Piece, Reply, fill_piece
from georet.feeding.decoders import PIECE, Decoders, cut
from georet.feeding.ring import LEAST_SLOTS, make_ring, slot_bytes
from georet.types import Ints, Pixels

TIMEOUT_S: Final = 120.0
"""A decoder that spends longer on one image is taken for hung."""
MOST_BYTES: Final = 1 << 30
"""The most that a ring takes, if so it can hold the fewest batches that it needs."""
_POLL_S: Final = 0.2

Check = Callable[[], None]


class Feeder(Protocol):
    """Fills batches ahead of whoever takes them."""

    waited_s: float
    """Seconds for which ``take`` waited for images."""

    @property
    def has_room(self) -> bool:
        """Whether there is a free slot."""

    @property
    def num_pending(self) -> int:
        """The number of batches put and not yet taken."""

    @property
    def memory(self) -> Pixels:
        """The slots, uint8[N, capacity, H, W, 3]."""

    def put(self, rows: Ints, tag: Any) -> None:
        """Ask for a batch of rows int64[M], at most the capacity; there must be room."""

    def take(self, check: Check) -> Filled:
        """Return the oldest batch asked for; ``check`` is called while waiting, it may raise."""

    def release(self, batch: Filled) -> None:
        """Give the slot of a batch back."""

    def idle_s(self) -> tuple[float, float]:
        """Return for how long decoders were at work and for how long they waited, on average."""

    def close(self) -> None:
        """End it; images that were taken stay as they are."""


class HereFeeder:
    """Fills each batch when it is taken, in the calling thread."""

    def __init__(
        self, filler: Filler, *, size: tuple[int, int], capacity: int, num_slots: int
    ) -> None:
        self.waited_s = 0.0
        self._filler = filler
        slots = max(1, num_slots)
        self.memory = np.empty((slots, capacity, *size, 3), np.uint8)
        self._free = list(range(slots))
        self._asked: deque[tuple[int, Ints, Any]] = deque()

    @property
    def has_room(self) -> bool:
        """Whether there is a free slot."""
        return bool(self._free)

    @property
    def num_pending(self) -> int:
        """The number of batches put and not yet taken."""
        return len(self._asked)

    def put(self, rows: Ints, tag: Any) -> None:
        """Ask for a batch of rows int64[M]."""
        self._asked.append((self._free.pop(), rows, tag))

    def take(self, check: Check) -> Filled:
        """Read and return the oldest batch asked for."""
        check()
        slot, rows, tag = self._asked.popleft()
        began_s = time.monotonic()
        piece = Piece(0, slot, 0, rows.tolist(), None)
        bad, extras = fill_piece(piece, self._filler, self.memory[slot], np.zeros(2, np.int64))
        self.waited_s += time.monotonic() - began_s
        return filled(Waiting(tag, slot, rows, 0, extras, bad), self.memory[slot])

    def release(self, batch: Filled) -> None:
        """Give the slot of a batch back."""
        self._free.append(batch.slot)

    def idle_s(self) -> tuple[float, float]:
        """Return what reading took, and 0: nothing reads ahead."""
        return self.waited_s, 0.0

    def close(self) -> None:
        """Do nothing."""


class PoolFeeder:
    """Fills batches ahead in ``workers`` processes; their own thread speaks with them.

    ``held`` batches may be taken and not yet released while another one is waited for. The ring
    takes at most ``MOST_BYTES``, or what ``held`` + 1 batches need, and no more than
    ``most_slots`` batches. Errors and ``context`` as ``Decoders``.
    """

    def __init__(
        self,
        filler: Filler,
        *,
        size: tuple[int, int],
        capacity: int,
        workers: int,
        held: int = 1,
        most_slots: int | None = None,
        timeout_s: float | None = None,
        context: Any = None,
    ) -> None:
        self.waited_s = 0.0
        self._filler, self._piece = filler, piece_of(capacity, workers)
        slots = num_slots_for(workers, self._piece, capacity, size, held)
        if most_slots is not None:
            slots = max(LEAST_SLOTS, min(slots, most_slots))
        self._ring = make_ring(slots, capacity, size, workers)
        self.memory = self._ring.images()
        self._free = list(range(self._ring.num_slots))
        self._waiting: deque[Waiting] = deque()
        self._pieces: dict[int, tuple[Waiting, int]] = {}
        self._numbers = count()
        self._busy_s = self._idle_s = 0.0
        self._change = threading.Condition()
        self._error: BaseException | None = None
        self._is_closed = False
        self._alarm, self._bell = get_context("spawn").Pipe(duplex=False)
        limit_s = TIMEOUT_S if timeout_s is None else timeout_s
        self._decoders = Decoders(filler, self._ring, workers, limit_s, context)
        # Decoders leave SIGTERM to this process, which would wait for them at its end.
        atexit.register(self.close)
        self._thread = threading.Thread(target=self._serve, name="georet-feeder", daemon=True)
        self._thread.start()

    @property
    def num_bytes(self) -> int:
        """Bytes of the ring."""
        return self._ring.num_bytes

    @property
    def has_room(self) -> bool:
        """Whether there is a free slot."""
        return bool(self._free)

    @property
    def num_pending(self) -> int:
        """The number of batches put and not yet taken."""
        return len(self._waiting)

    def put(self, rows: Ints, tag: Any) -> None:
        """Ask for a batch of rows int64[M]."""
        slot = self._free.pop(0)
        lanes = self._filler.lanes(rows)
        of_rows = [None] * len(rows) if lanes is None else lanes.tolist()
        pieces = cut(0, slot, rows.tolist(), of_rows, self._piece)
        batch = Waiting(tag, slot, rows, len(pieces), [None] * len(rows))
        with self._change:
            self._waiting.append(batch)
            for piece in pieces:
                number = next(self._numbers)
                self._pieces[number] = batch, piece.first
                self._decoders.todo.append(Piece(number, slot, piece.first, piece.rows, piece.lane))
        self._bell.send(None)

    def take(self, check: Check) -> Filled:
        """Return the oldest batch asked for; ``check`` is called while waiting, it may raise."""
        check()
        batch = self._waiting[0]
        began_s = time.monotonic()
        with self._change:
            while batch.num_left and self._error is None:
                self._change.wait(_POLL_S)
                check()
            if self._error is not None:
                raise self._error
            self._waiting.popleft()
        self.waited_s += time.monotonic() - began_s
        return filled(batch, self.memory[batch.slot])

    def release(self, batch: Filled) -> None:
        """Give the slot of a batch back."""
        self._free.append(batch.slot)

    def idle_s(self) -> tuple[float, float]:
        """Return for how long decoders were at work and for how long they waited, on average."""
        num = len(self._decoders)
        return self._busy_s / num, self._idle_s / num

    def close(self) -> None:
        """End thread and processes."""
        if self._is_closed:
            return
        self._is_closed = True
        atexit.unregister(self.close)
        self._bell.send(None)
        self._thread.join()
        self._decoders.close()
        self._ring.close()
        self._bell.close()
        self._alarm.close()

    def _serve(self) -> None:
        try:
            while not self._is_closed:
                with self._change:
                    self._decoders.dispatch()
                replies = self._decoders.hear(_POLL_S, self._alarm)
                while self._alarm.poll():
                    self._alarm.recv()
                if replies:
                    with self._change:
                        self._note(replies)
                self._decoders.watch()
        except BaseException as error:  # raised by whoever takes the next batch
            with self._change:
                self._error = error
                self._change.notify_all()

    def _note(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            batch, first = self._pieces.pop(reply.number)
            batch.note(first, reply)
            self._busy_s += reply.busy_s
            self._idle_s += reply.waited_s
        self._change.notify_all()


def piece_of(capacity: int, workers: int) -> int:
    """Return how many images of a batch a decoder fills in one go, so that all get some."""
    return max(1, min(PIECE, -(-capacity // (2 * workers))))


def num_slots_for(workers: int, piece: int, capacity: int, size: tuple[int, int], held: int) -> int:
    """Return how many batches a ring should hold, as far as ``MOST_BYTES`` allow."""
    # Those that are held, one that is ready, and those that decoders have their pieces of.
    wanted = held + 1 + -(-2 * workers * piece // capacity)
    allowed = MOST_BYTES // slot_bytes(capacity, size)
    return max(LEAST_SLOTS, held + 1, min(wanted, allowed))

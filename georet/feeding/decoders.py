"""The decoders of a feeder, as its own process sees them: given work, heard, watched, replaced."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing.connection import Connection
from typing import Any, Final

from georet.errors import DataError
from georet.feeding.decoder import Filler, Piece, Reply, serve
from georet.feeding.ring import IDLE, Ring
from georet.processes import Child, Ended, close_all, ready
from georet.progress import echo

PIECE: Final = 16
"""The most images of a batch that one decoder fills in one go."""
_QUEUED: Final = 2
"""Pieces that a decoder has at once, so that it needn't wait for the next."""
_TRIES: Final = 2
_MOST_DEATHS: Final = 5
"""Decoders that may die one after another before any has filled a piece."""


@dataclass
class Decoder:
    """One process, the pieces that it has, what it noted last and since when."""

    number: int
    child: Child
    pieces: deque[Piece] = field(default_factory=deque)
    noted: tuple[int, int] = (IDLE, 0)
    since_s: float = field(default_factory=time.monotonic)


class Decoders:
    """``num`` processes that fill what is in ``todo``; all calls come from one thread.

    One that dies, or spends ``timeout_s`` on one image, is named on stderr and replaced, and what
    it had is done again. DataError where a second one ends so at the same image. ``context`` is
    multiprocessing's; without one processes are spawned.
    """

    def __init__(
        self, filler: Filler, ring: Ring, num: int, timeout_s: float, context: Any = None
    ) -> None:
        self.todo: deque[Piece] = deque()
        self._filler, self._ring, self._timeout_s = filler, ring, timeout_s
        self._context = context
        self._places = ring.places()
        self._deaths: dict[int, int] = {}
        self._num_deaths = 0
        self._every = [self._started(number) for number in range(num)]

    def __len__(self) -> int:
        return len(self._every)

    def dispatch(self) -> None:
        """Give work to those that have little."""
        for decoder in self._every:
            while len(decoder.pieces) < _QUEUED and (piece := self._next(decoder)) is not None:
                if not decoder.pieces:
                    decoder.since_s = time.monotonic()
                decoder.pieces.append(piece)
                with suppress(Ended):  # the next look at its pipe tells
                    decoder.child.send(piece)

    def hear(self, timeout_s: float, alarm: Connection) -> list[Reply]:
        """Return what was done; wait at most so long for it, or until ``alarm`` can be read.

        An error that a decoder met, other than an image that can't be read, is raised here.
        """
        of = {decoder.child: decoder for decoder in self._every}
        found = []
        for child in ready(list(of), timeout_s, alarm=alarm):
            decoder = of[child]
            try:
                reply = child.hear()
            except Ended:
                self._replace(decoder)
                continue
            if isinstance(reply, Exception):
                raise reply
            decoder.pieces.popleft()
            decoder.since_s = time.monotonic()
            self._num_deaths = 0
            found.append(reply)
        return found

    def watch(self) -> None:
        """Kill those that stay at one image for too long; their pipes then tell."""
        now_s = time.monotonic()
        for decoder in self._every:
            row, count = self._places[decoder.number].tolist()
            if (row, count) != decoder.noted:
                decoder.noted, decoder.since_s = (row, count), now_s
            elif decoder.pieces and now_s - decoder.since_s > self._timeout_s:
                decoder.child.kill(f"spent more than {self._timeout_s:g} s")

    def close(self) -> None:
        """End the processes: they only read, so nothing is left half done."""
        close_all(decoder.child for decoder in self._every)

    def _started(self, number: int) -> Decoder:
        self._places[number] = IDLE, 0
        arguments = self._filler, self._ring, number
        name = f"georet-decoder-{number}"
        return Decoder(number, Child(serve, *arguments, name=name, context=self._context))

    def _next(self, decoder: Decoder) -> Piece | None:
        """Take the next piece of the decoder's lanes; of any lane where it has nothing to do."""
        for index, piece in enumerate(self.todo):
            if piece.lane is None or piece.lane % len(self._every) == decoder.number:
                del self.todo[index]
                return piece
        return self.todo.popleft() if self.todo and not decoder.pieces else None

    def _replace(self, decoder: Decoder) -> None:
        """Start another in place of a dead one, and put back what it had."""
        ending, pid = decoder.child.ending, decoder.child.pid
        row = int(self._places[decoder.number, 0])
        decoder.child.close()
        self.todo.extendleft(reversed(decoder.pieces))
        at = "between images" if row == IDLE else f"at {self._filler.name(row)}"
        what = f"decoder {decoder.number} (pid {pid}) {ending} {at}"
        self._num_deaths += 1
        if row != IDLE:
            self._deaths[row] = self._deaths.get(row, 0) + 1
        is_again = self._deaths.get(row, 0) >= _TRIES
        if is_again or self._num_deaths >= _MOST_DEATHS:
            advice = (
                "Memory may have run out: give fewer --workers or a smaller --batch."
                if decoder.child.was_killed
                else "What it said of itself stands above."
            )
            how_often = "for the second time" if is_again else f"the {_MOST_DEATHS}th in a row"
            raise DataError(
                f"{what}, {how_often}",
                hint=f"{advice} The same command goes on; --workers 0 reads in the main process.",
            )
        echo(f"warning: {what}; another one goes on", err=True)
        self._every[self._every.index(decoder)] = self._started(decoder.number)


def cut(
    number: int, slot: int, rows: Sequence[int], lanes: Iterable[int | None], most: int
) -> list[Piece]:
    """Cut a batch into pieces of at most ``most`` rows, none of them over two lanes.

    Pieces are numbered from ``number`` on.
    """
    pieces: list[Piece] = []
    places = enumerate(lanes)
    for lane, group in groupby(places, key=lambda place: place[1]):
        inside = [place for place, _ in group]
        for first in range(inside[0], inside[-1] + 1, most):
            end = min(first + most, inside[-1] + 1)
            pieces.append(Piece(number + len(pieces), slot, first, rows[first:end], lane))
    return pieces

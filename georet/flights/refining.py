"""The second pass over a flight: each frame is refined where the track says that it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.contracts.refining import Camera, Refinement, Refiner
from georet.contracts.tracking import Fix, Frame, Ground
from georet.errors import DataError
from georet.flights.fields import Flown
from georet.flights.films import Film
from georet.gallery.pictures.originals import Originals
from georet.geodesy import distance_m
from georet.locate.output.journal import Journal
from georet.locate.refine import as_json, ask, tiles_of
from georet.types import Doubles, Ints, Pixels

FEW: Final = 3
"""So many tiles are asked where the flight is known; all that a refiner takes where it isn't."""
_KNOWN: Final = ("matched", "propagated")
_SIDE_SHARE: Final = 0.25


@dataclass(frozen=True)
class Sharpener:
    """Refines frames within the tiles that the track and their own scores speak for."""

    flown: Flown
    refiner: Refiner
    originals: Originals

    def refine(self, image: Pixels, frame: Frame, fix: Fix) -> Refinement:
        """Return a frame's place, uint8[H, W, 3], or why there is none."""
        num = min(self.refiner.max_candidates, FEW if fix.source in _KNOWN else 1_000)
        if num < 1 or not len(frame.rows):
            return Refinement.refused("there is no candidate")
        at, beliefs = _likeliest(self.flown.ground, frame, fix, num)
        rows = self.flown.rows[frame.rows[at]]
        table = self.flown.gallery.tiles_at(rows)
        tiles = tiles_of(rows, frame.scores[at], beliefs, table, self.originals)
        return ask(self.refiner, image, tiles, frame.camera or Camera())


def refine_all(
    sharpener: Sharpener,
    film: Film,
    frames: Sequence[Frame],
    fixes: Sequence[Fix],
    problems: Sequence[str],
    journal: Journal,
    advance: Callable[[int], None],
    check: Callable[[], None],
) -> None:
    """Refine the frames that the journal doesn't hold yet; those with a problem are passed over."""
    num, done = len(frames), len(journal.done)
    advance(done)
    for at, image in enumerate(film.read(done, num), done):
        if problems[at] or isinstance(image, DataError):
            found = Refinement.refused(problems[at] or "can't be read")
        else:
            found = sharpener.refine(image, frames[at], fixes[at])
        journal.append([([film.shots[at].name], as_json(found))], {})
        advance(1)
        check()


def _likeliest(ground: Ground, frame: Frame, fix: Fix, num: int) -> tuple[Ints, Doubles]:
    """Return which of a frame's tiles int64[num] are likeliest, and each one's share of belief.

    By the distance of their centres from the track, in its own deviations, and by their scores.
    """
    away = distance_m(np.asarray(fix.latlon), ground.latlon[frame.rows])
    side = _SIDE_SHARE * ground.side_m[frame.rows]
    variance = float(np.trace(fix.covariance_m2)) / 2 + side**2
    logs = ground.sharpness * (frame.scores - frame.scores.max()) - away**2 / (2 * variance)
    at = np.argsort(-logs, kind="stable")[:num]
    belief: Doubles = np.exp(logs[at] - logs[at[0]])
    return at.astype(np.int64), belief / belief.sum()

"""How sharply scores speak, and how many frames show nothing: fitted to the flight itself.

No truth is needed. A filter foretells each frame from the others; the sharpness of the softmax and
the share of stray frames that make a flight's frames foretell each other best have the greatest
likelihood. Too sharp, a wrong tile beats the motion, and the next frame is foretold badly; too
blunt, nothing is foretold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.contracts.tracking import Frame
from georet.tracks.filtering import Motion, Step, log_evidence
from georet.tracks.grid import Grid
from georet.types import Doubles

SHARPEST: Final = 14.0
SHARPNESSES: Final = (1.0, 1.6, 2.5, 4.0, 6.0, 9.0, SHARPEST)
"""Tried first, in units of one over the scores' standard deviation: encoders' scales differ."""
STRAYS: Final = (0.05, 0.15, 0.3, 0.5)
USUAL_STRAY: Final = 0.15


@dataclass(frozen=True)
class Belief:
    """``sharpness``: a cell's ratio is exp(sharpness x score); ``stray``: so many show anything."""

    sharpness: float
    stray: float = USUAL_STRAY

    def likelihood(self, grid: Grid, frame: Frame, weight: float = 1.0) -> Doubles:
        """Return what a frame's scores say of each cell, float64[rows, columns], 1 on average.

        ``weight`` is how much of it is new beside the frame before: the power that it is raised to.
        """
        if not len(frame.scores) or float(frame.scores[0]) == float(frame.scores[-1]):
            # Scores that are all the same tell nothing at all.
            return np.ones(grid.shape)
        ratio = grid.ratio(frame.rows, frame.scores, self.sharpness)
        mixed: Doubles = (1 - self.stray) * ratio + self.stray
        if weight == 1.0:
            return mixed
        tempered: Doubles = mixed**weight
        found: Doubles = tempered / float(tempered.mean())
        return found


def scatter_of(frames: Sequence[Frame]) -> float:
    """Return the median, over frames, of their scores' standard deviation; 0 where none differ."""
    found = [float(np.std(frame.scores, dtype=np.float64)) for frame in frames if len(frame.scores)]
    positive = [one for one in found if one > 0]
    return float(np.median(positive)) if positive else 0.0


def fit(
    grid: Grid,
    motion: Motion,
    steps: Sequence[Step | None],
    frames: Sequence[Frame],
    weights: Sequence[float],
    given: float,
) -> Belief:
    """Return the likeliest belief of a flight; ``given`` is the sharpness where nothing differs.

    One number after the other on a grid of values, then between the best and its neighbours.
    """
    scatter = scatter_of(frames)
    if not scatter or len(frames) < 2:
        return Belief(given)

    def likelihoods(belief: Belief) -> Callable[[int], Doubles]:
        return lambda number: belief.likelihood(grid, frames[number], weights[number])

    known: dict[Belief, float] = {}

    def evidence(belief: Belief) -> float:
        if belief not in known:
            known[belief] = log_evidence(motion, steps, likelihoods(belief))
        return known[belief]

    def best(candidates: Sequence[Belief]) -> Belief:
        return max(candidates, key=evidence)

    found = best([Belief(value / scatter) for value in SHARPNESSES])
    found = best([Belief(found.sharpness, stray) for stray in STRAYS])
    near = (0.64, 0.8, 1.0, 1.25, 1.56)
    return best([Belief(found.sharpness * factor, found.stray) for factor in near])

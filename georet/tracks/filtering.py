"""A Bayes filter over the cells of a map: forward as a flight goes on, and backward over all of it.

    pred_t = (1 - lost) (post_{t-1} moved by odometry) + what is lost, spread evenly
    post_t ~ pred_t x L_t
    L_t    = (1 - stray) ratio_t + stray

What makes it survive: a frame may show anything (``stray``), odometry may be off by several times
what it vouches for (``_WIDE``), and the aircraft may be anywhere at once (``lost``), which is what
finds it again after it was lost. Backward runs the transposed steps over the same likelihoods.

Where the heading isn't known, odometry is turned by an unknown angle: one plane of the belief for
each of ``turns`` angles, filtered side by side, with a little exchange between neighbours since
gyroscopes drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from georet.tracks.motion import moved
from georet.types import Doubles

LOST: Final = 0.0005
"""Chance at each frame that odometry tells nothing at all of where the aircraft went."""
_WIDE, _WIDER = 0.1, 4.0
"""So often odometry is worse than it says, by this factor."""
_EXCHANGE: Final = 0.02
KEPT_BYTES: Final = 2**28
"""Beliefs of a whole flight are kept up to so much; of longer ones every now and then one."""


@dataclass(frozen=True)
class Step:
    """How the aircraft moved since the frame before: cells (columns, rows), and their deviation.

    After one that ``mixes`` an unknown north is unknown anew.
    """

    cells: tuple[float, float]
    sigma: float
    mixes: bool = False


@dataclass(frozen=True)
class Motion:
    """Carries beliefs float64[K, rows, columns] along by steps, and back again.

    ``turns_rad`` [K] are the angles, clockwise, by which a step may have to be turned.
    """

    turns_rad: Sequence[float] = (0.0,)
    lost: float = LOST

    def forward(self, belief: Doubles, step: Step) -> Doubles:
        """Return the belief after a step; its sum is that of the belief."""
        out = (1 - self.lost) * self._kept(self._exchanged(belief, step), step, 1.0)
        # Whatever left the map or was lost may be anywhere: no mass ever disappears.
        missing: Doubles = out + (belief.sum() - out.sum()) / out.size
        return missing

    def backward(self, values: Doubles, step: Step) -> Doubles:
        """Return the transposed step applied to values float64[K, rows, columns]."""
        stays = (1 - self.lost) * self._kept(np.ones_like(values), step, -1.0)
        back = (1 - self.lost) * self._kept(values, step, -1.0) + (1 - stays) * values.mean()
        return self._exchanged(back, step)

    def _kept(self, planes: Doubles, step: Step, sign: float) -> Doubles:
        out = np.empty_like(planes)
        for at, turn in enumerate(self.turns_rad):
            (x, y), sine, cosine = step.cells, math.sin(turn), math.cos(turn)
            cells = sign * (x * cosine + y * sine), sign * (y * cosine - x * sine)
            near = moved(planes[at], cells, step.sigma)
            out[at] = (1 - _WIDE) * near + _WIDE * moved(planes[at], cells, _WIDER * step.sigma)
        return out

    def _exchanged(self, planes: Doubles, step: Step) -> Doubles:
        """Return planes that give a little to those of neighbouring angles (symmetric)."""
        if len(self.turns_rad) == 1:
            return planes
        if step.mixes:
            return np.broadcast_to(planes.mean(axis=0), planes.shape).copy()
        neighbours = np.roll(planes, 1, axis=0) + np.roll(planes, -1, axis=0)
        mixed: Doubles = (1 - 2 * _EXCHANGE) * planes + _EXCHANGE * neighbours
        return mixed


@dataclass
class Forward:
    """A filter that is told frame by frame; ``belief`` float64[K, rows, columns] sums to 1.

    ``log_evidence`` is how much better than chance it foretold the frames so far.
    """

    motion: Motion
    shape: tuple[int, int]
    log_evidence: float = 0.0
    belief: Doubles = field(init=False)
    foretold: Doubles = field(init=False)

    def __post_init__(self) -> None:
        planes = len(self.motion.turns_rad)
        self.belief = np.full((planes, *self.shape), 1.0 / (planes * math.prod(self.shape)))
        self.foretold = self.belief

    def tell(self, step: Step | None, likelihood: Doubles) -> float:
        """Move by a step (None: the first frame), weigh by [rows, columns]; return the evidence."""
        self.foretold = self.belief if step is None else self.motion.forward(self.belief, step)
        weighed = self.foretold * likelihood
        evidence = max(float(weighed.sum()), 1e-300)
        self.belief = weighed / weighed.sum() if weighed.sum() > 0 else self.foretold
        self.log_evidence += math.log(evidence)
        return evidence


@dataclass(frozen=True)
class Smoothed:
    """What is known of one frame by all others (``without``) and by itself too (``belief``).

    Both float64[rows, columns] and sum to 1. ``turn_rad`` is the likeliest angle of odometry.
    """

    number: int
    belief: Doubles
    without: Doubles
    turn_rad: float = 0.0


def log_evidence(
    motion: Motion, steps: Sequence[Step | None], likelihoods: Callable[[int], Doubles]
) -> float:
    """Return how well the filter foretells a flight: the sum of the logarithms of evidence.

    Of the first frame nothing is foretold, so it counts nothing.
    """
    first = likelihoods(0)
    forward = Forward(motion, (first.shape[0], first.shape[1]))
    forward.tell(None, first)
    forward.log_evidence = 0.0
    for number in range(1, len(steps)):
        forward.tell(steps[number], likelihoods(number))
    return forward.log_evidence


def smoothed(
    motion: Motion,
    shape: tuple[int, int],
    steps: Sequence[Step | None],
    likelihoods: Callable[[int], Doubles],
) -> Iterator[Smoothed]:
    """Yield what is known of each frame by the whole flight, the last frame first.

    ``steps[t]`` leads to frame t, ``likelihoods(t)`` float64[rows, columns] is what it shows; asked
    for up to twice. Memory grows with the root of the flight's length once it would be large.
    """
    num = len(steps)
    size = 8 * math.prod(shape) * len(motion.turns_rad)
    stride = num if num * size <= KEPT_BYTES else math.isqrt(num) + 1
    forward = Forward(motion, shape)
    marks: dict[int, Doubles] = {}
    kept: list[tuple[Doubles, Doubles]] = []
    for number in range(num):
        if number % stride == 0:
            marks[number] = forward.belief
            kept = []
        forward.tell(steps[number], likelihoods(number))
        kept.append((forward.foretold, forward.belief))
    after = np.ones((len(motion.turns_rad), *shape))
    for start in sorted(marks, reverse=True):
        stop = min(start + stride, num)
        if stop < num:
            kept = _again(motion, shape, marks[start], steps[start:stop], likelihoods, start)
        for number in range(stop - 1, start - 1, -1):
            foretold, belief = kept[number - start]
            turn = turn_of(motion, belief * after)
            yield Smoothed(number, _together(belief, after), _together(foretold, after), turn)
            step = steps[number]
            if step is None:
                continue
            after = motion.backward(after * likelihoods(number), step)
            after /= after.max()


def _again(
    motion: Motion,
    shape: tuple[int, int],
    belief: Doubles,
    steps: Sequence[Step | None],
    likelihoods: Callable[[int], Doubles],
    start: int,
) -> list[tuple[Doubles, Doubles]]:
    forward = Forward(motion, shape)
    forward.belief = belief
    kept = []
    for at, step in enumerate(steps):
        forward.tell(step, likelihoods(start + at))
        kept.append((forward.foretold, forward.belief))
    return kept


def turn_of(motion: Motion, belief: Doubles) -> float:
    """Return the angle whose plane of float64[K, rows, columns] holds most."""
    return motion.turns_rad[int(belief.sum(axis=(1, 2)).argmax())]


def _together(before: Doubles, after: Doubles) -> Doubles:
    """Return the product of what came before and what comes after, all angles together."""
    both = (before * after).sum(axis=0)
    found: Doubles = both / both.sum()
    return found

"""Between refined frames: a Kalman filter over position and the drift of odometry.

A grid knows a place to a part of its cell; a refined frame knows it to a part of a metre. Between
two of them odometry is carried along with the error that it has had so far:

    x' = x + (1 + a) d + b J d + noise,    a' = a, b' = b,    J d = (d_north, -d_east)

``a`` is a wrong scale (heights, lenses), ``b`` a small turn clockwise (compasses). The state
(east, north, a, b) is linear, so the filter of Kalman (1960) with the smoother of Rauch, Tung and
Striebel (1965) is exact; Student's t in place of the normal distribution, by iterated weights,
keeps single wrong fixes from pulling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from georet.tracks.places import Spot
from georet.types import Doubles

DRIFT: Final = 0.06
"""Standard deviation of scale and turn before anything is known: 5 % is usual for odometry."""
_DRIFTS_ON: Final = 0.002
_ANYWHERE_M: Final = 1e5
_FREEDOM: Final = 4.0
_ROUNDS: Final = 4


@dataclass(frozen=True)
class Moved:
    """A step by odometry in metres, east and north, and the deviation of each."""

    east_m: float
    north_m: float
    sigma_m: float


@dataclass
class Anchored:
    """The state float64[4] and its covariance [4, 4] as a flight goes on."""

    state: Doubles = field(default_factory=lambda: np.zeros(4))
    covariance: Doubles = field(
        default_factory=lambda: np.diag([_ANYWHERE_M**2, _ANYWHERE_M**2, DRIFT**2, DRIFT**2])
    )

    def move(self, step: Moved) -> Doubles:
        """Go a step on; return the transition float64[4, 4]."""
        through = np.eye(4)
        through[0, 2:] = step.east_m, step.north_m
        through[1, 2:] = step.north_m, -step.east_m
        self.state = through @ self.state
        self.state[:2] += step.east_m, step.north_m
        noise = np.diag([step.sigma_m**2, step.sigma_m**2, _DRIFTS_ON**2, _DRIFTS_ON**2])
        self.covariance = through @ self.covariance @ through.T + noise
        return through

    def see(self, spot: Spot, weight: float = 1.0) -> None:
        """Take in a place; with a smaller ``weight`` it counts as less sure."""
        inner = self.covariance[:2, :2] + spot.covariance_m2 / weight
        gain = self.covariance[:, :2] @ np.linalg.inv(inner)
        self.state = self.state + gain @ (spot.point_m - self.state[:2])
        # Joseph's form stays symmetric and positive, however sure a fix is.
        left = np.eye(4)
        left[:, :2] -= gain
        kept = left @ self.covariance @ left.T
        self.covariance = kept + gain @ (spot.covariance_m2 / weight) @ gain.T

    @property
    def spot(self) -> Spot:
        """Where the aircraft is."""
        return Spot(self.state[:2].copy(), self.covariance[:2, :2].copy())


def anchored(steps: Sequence[Moved | None], spots: Sequence[Spot | None]) -> list[Spot]:
    """Return the place of each of T frames by its refined neighbours on both sides.

    ``steps[t]`` leads to frame t, ``spots[t]`` is its refined place, None where there is none. No
    place is surer than the surest refined one: all are seen on one map, whose errors they share.
    """
    weights = np.ones(len(spots))
    found = _smoothed(steps, spots, weights)
    for _ in range(_ROUNDS):
        for at, spot in enumerate(spots):
            if spot is not None:
                off = spot.point_m - found[at].point_m
                square = float(off @ np.linalg.inv(spot.covariance_m2) @ off)
                weights[at] = (_FREEDOM + 2) / (_FREEDOM + square)
        found = _smoothed(steps, spots, weights)
    there = [np.linalg.eigvalsh(spot.covariance_m2)[0] for spot in spots if spot is not None]
    least = float(min(there, default=0.0))
    return [Spot(spot.point_m, _at_least(spot.covariance_m2, least)) for spot in found]


def _at_least(covariance: Doubles, least: float) -> Doubles:
    """Return a covariance [2, 2] whose variance is at least that in each direction."""
    values, axes = np.linalg.eigh(covariance)
    found: Doubles = axes @ np.diag(np.maximum(values, least)) @ axes.T
    return found


def _smoothed(
    steps: Sequence[Moved | None], spots: Sequence[Spot | None], weights: Doubles
) -> list[Spot]:
    now = Anchored()
    throughs, before, after = [], [], []
    for at, (step, spot) in enumerate(zip(steps, spots, strict=True)):
        throughs.append(np.eye(4) if step is None else now.move(step))
        before.append((now.state, now.covariance))
        if spot is not None:
            now.see(spot, float(weights[at]))
        after.append((now.state, now.covariance))
    state, covariance = after[-1]
    found = [Spot(state[:2].copy(), covariance[:2, :2].copy())]
    for at in range(len(after) - 2, -1, -1):
        ahead_state, ahead = before[at + 1]
        gain = after[at][1] @ throughs[at + 1].T @ np.linalg.inv(ahead)
        state = after[at][0] + gain @ (state - ahead_state)
        covariance = after[at][1] + gain @ (covariance - ahead) @ gain.T
        covariance = (covariance + covariance.T) / 2
        found.append(Spot(state[:2].copy(), covariance[:2, :2].copy()))
    return found[::-1]

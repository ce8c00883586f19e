"""What a frame's place rests on: its own pixels, its neighbours', or odometry alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.contracts.tracking import Fix, Frame, Source
from georet.tracks.grid import Grid
from georet.tracks.places import Spot, mass_within, spot_of
from georet.types import Doubles

AGREES: Final = 2.0
"""A frame agrees with the flight where it is so much likelier there than just anywhere."""
KNOWN_TILES: Final = 1.5
"""Beyond an ellipse of so many tile sides a place is dead-reckoned: it is no longer known."""
_BELIEVED: Final = 0.5
_NEAR_SPACINGS, _NEAR_SIGMAS = 1.5, 3.0
_POSSIBLE: Final = 0.2
_MISTAKEN: Final = 0.03
"""Share of refined places that are wrong in spite of their gates."""


@dataclass(frozen=True)
class Seen:
    """One frame as the filter saw it: the belief with it, what was foretold without it.

    Both float64[rows, columns], of sum 1.
    """

    belief: Doubles
    without: Doubles
    scores: Doubles
    """What the frame's scores say of each cell, all of it counted as new, 1 on average."""


def refined_spot(grid: Grid, frame: Frame) -> Spot | None:
    """Return where a refiner places a frame; None where it was not asked or refuses."""
    found = frame.refined
    if found is None or not found.is_accepted or found.latlon is None:
        return None
    if found.covariance_m2 is None:
        return None
    point = grid.plane.metres(np.array([found.latlon], np.float64))[0]
    return Spot(point, np.asarray(found.covariance_m2, np.float64))


def weighed(grid: Grid, scores: Doubles, frame: Frame) -> Doubles:
    """Return a frame's likelihood in each cell: that of its ``scores``, and of its refined place.

    Both float64[rows, columns].
    """
    spot = refined_spot(grid, frame)
    if spot is None:
        return scores
    there = grid.normal(spot.point_m, spot.covariance_m2)
    both: Doubles = scores * (_MISTAKEN + (1 - _MISTAKEN) * there)
    return both


def believed(grid: Grid, seen: Seen, frame: Frame) -> Spot | None:
    """Return a frame's refined place where the flight agrees with it."""
    spot = refined_spot(grid, frame)
    if spot is None:
        return None
    sigma = math.sqrt(float(np.linalg.eigvalsh(spot.covariance_m2)[1]))
    reach = max(_NEAR_SPACINGS * grid.spacing_m, _NEAR_SIGMAS * sigma)
    return spot if mass_within(grid, seen.belief, spot.point_m, reach) >= _BELIEVED else None


def fix_of(grid: Grid, seen: Seen, frame: Frame, spot: Spot | None, anchor: Spot | None) -> Fix:
    """Return a frame's place and what it rests on.

    ``spot`` is its believed refined place, ``anchor`` what refined neighbours make of it: taken
    where it is surer than the grid, and the grid finds it possible.
    """
    place = spot_of(grid, seen.belief)
    if anchor is not None and anchor.reach_m < place.reach_m:
        reach = max(_NEAR_SPACINGS * grid.spacing_m, anchor.reach_m)
        if mass_within(grid, seen.belief, anchor.point_m, reach) >= _POSSIBLE:
            place = anchor
    known = place.reach_m <= KNOWN_TILES * grid.side_m
    ratio = float((seen.without * seen.scores).sum())
    source, reason = _judged(frame, spot, known, ratio)
    latitude, longitude = grid.plane.latlon(place.point_m[None])[0].tolist()
    latlon = max(-90.0, min(90.0, latitude)), (longitude + 180.0) % 360.0 - 180.0
    return Fix(latlon, place.covariance_m2, reason, source, is_refined=spot is not None)


def _judged(frame: Frame, spot: Spot | None, known: bool, ratio: float) -> tuple[Source, str]:
    if spot is not None:
        return "matched", ""
    if known and ratio >= AGREES:
        return "matched", ""
    refined = frame.refined
    if not len(frame.scores):
        reason = "nothing is seen"
    elif refined is not None and refined.is_accepted:
        reason = "its refined place disagrees with the flight"
    elif ratio < AGREES:
        reason = "what it shows doesn't agree with the flight"
    else:
        reason = "its place is not known well enough"
    return ("propagated" if known else "dead-reckoned"), reason

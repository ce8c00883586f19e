"""The few numbers that turn scores into beliefs and beliefs into a place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """How scores become a belief over tiles and a position; calibration fits these.

    ``sharpness``: belief is proportional to exp(sharpness * cosine). ``stray``: share of belief
    that no score accounts for. ``spread``: standard deviation, on each axis, of the truth about
    the centre of its tile, as a share of the tile's side. The position is a local mean in which
    tiles weigh exp(softness * sharpness * cosine), within a Gaussian of standard deviation
    ``bandwidth`` times the tiles' spacing.
    """

    sharpness: float = 40.0
    stray: float = 0.01
    spread: float = 0.15
    softness: float = 0.25
    bandwidth: float = 0.6

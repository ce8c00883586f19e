"""What frames tell of the way between them, as the filters take it: metres, and cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.contracts.tracking import Frame
from georet.tracks.anchors import Moved
from georet.tracks.filtering import Motion, Step
from georet.tracks.grid import Grid

TURNS: Final = 24
_SHARE, _LEAST_CELLS = 0.1, 0.5
"""The usual deviation of a step that doesn't tell its own, and the least that a grid resolves."""
_LOOK_M: Final = 1.0
"""A photo's middle moves beside the aircraft: gimbals and gusts."""
_DRIFT: Final = 0.05
_NEW_SIDES, _LEAST_NEW = 0.7, 0.1
"""After so many tile sides a frame tells something new of its own; one that hovers tells a tenth.
"""


@dataclass(frozen=True)
class Pace:
    """How far an aircraft gets where nothing tells: by its usual step, else by ``speed_mps``."""

    speed_mps: float
    step_m: float | None = None

    @classmethod
    def of(cls, frames: Sequence[Frame], speed_mps: float) -> Pace:
        """Return the pace of a flight whose odometry tells some of its steps."""
        told = [math.hypot(*frame.moved_m) for frame in frames if frame.moved_m is not None]
        return cls(speed_mps, 1.5 * float(np.median(told)) if told else None)

    def unknown_m(self, grid: Grid, seconds: float | None) -> float:
        """Return the deviation, east and north each, of a step of which nothing is told."""
        if self.step_m is not None:
            return max(self.step_m, grid.cell_m)
        if seconds is not None:
            return max(self.speed_mps * max(seconds, 0.0), grid.cell_m)
        return grid.spacing_m


def moved_of(grid: Grid, pace: Pace, before: Frame, frame: Frame) -> Moved:
    """Return the step between two frames in metres."""
    if frame.moved_m is not None:
        east, north = frame.moved_m
        usual = _SHARE * math.hypot(east, north)
        own = usual if frame.moved_sigma_m is None else frame.moved_sigma_m
        return Moved(east, north, max(own, 0.01))
    seconds = None
    if frame.time_s is not None and before.time_s is not None:
        seconds = frame.time_s - before.time_s
    return Moved(0.0, 0.0, pace.unknown_m(grid, seconds))


def newness(grid: Grid, frame: Frame) -> float:
    """Return how much of what a frame shows is new beside the frame before, 0.1 to 1.

    Frames that overlap are mistaken together: blurred or hazy, ten in a row agree on one wrong
    tile, and counted as independent they outweigh any motion. Where nobody knows how far the camera
    moved, it counts as new.
    """
    if frame.moved_m is None:
        return 1.0
    share = math.hypot(*frame.moved_m) / (_NEW_SIDES * grid.side_m)
    return float(np.clip(share, _LEAST_NEW, 1.0))


def step_of(grid: Grid, moved: Moved) -> Step:
    """Return a step in cells; the deviation holds drift and the photo's own movement too."""
    cell = grid.cell_m
    drift = _DRIFT * math.hypot(moved.east_m, moved.north_m)
    sigma = math.sqrt(moved.sigma_m**2 + drift**2 + _LOOK_M**2) / cell
    # Wider than the map is as good as anywhere.
    widest = max(grid.shape) / 2
    cells = moved.east_m / cell, moved.north_m / cell
    return Step(cells, float(np.clip(sigma, _LEAST_CELLS, widest)), mixes=cells == (0.0, 0.0))


def turned(moved: Moved, turn_rad: float) -> Moved:
    """Return a step turned clockwise."""
    sine, cosine = math.sin(turn_rad), math.cos(turn_rad)
    east = moved.east_m * cosine + moved.north_m * sine
    north = moved.north_m * cosine - moved.east_m * sine
    return Moved(east, north, moved.sigma_m)


def motion_of(frames: Sequence[Frame], lost: float) -> Motion:
    """Return the motion of a flight: with turns to be tried where its north is unknown."""
    told = any(frame.moved_m is not None and not frame.is_north_known for frame in frames)
    turns = tuple(2 * math.pi * at / TURNS for at in range(TURNS)) if told else (0.0,)
    return Motion(turns, lost)

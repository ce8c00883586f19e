"""Where a camera is and where it looks: x east, y north, z up, in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from georet.types import Doubles

_STRAIGHT_DOWN: Final = 1e-9
"""Below this tilt in radians heading and roll turn about the same axis."""


@dataclass(frozen=True)
class Pose:
    """A camera at (``east_m``, ``north_m``), ``height_m`` above the plane z = 0; angles in radians.

    ``heading_rad`` runs clockwise from north and is the viewing direction over the ground,
    ``tilt_rad`` 0 straight down and pi/2 at the horizon. ``roll_rad`` turns the camera clockwise
    about its axis, as the photographer sees it, so that the picture turns counterclockwise.
    """

    east_m: float
    north_m: float
    height_m: float
    heading_rad: float = 0.0
    tilt_rad: float = 0.0
    roll_rad: float = 0.0

    @classmethod
    def looking_at(
        cls,
        point_m: tuple[float, float],
        height_m: float,
        heading_rad: float = 0.0,
        tilt_rad: float = 0.0,
        roll_rad: float = 0.0,
    ) -> Self:
        """Return the pose at that height whose axis meets the plane z = 0 in ``point_m``."""
        if not 0 <= tilt_rad < math.pi / 2:
            raise ValueError(f"at a tilt of {tilt_rad} the axis never meets the ground")
        away = height_m * math.tan(tilt_rad)
        east = point_m[0] - away * math.sin(heading_rad)
        north = point_m[1] - away * math.cos(heading_rad)
        return cls(east, north, height_m, heading_rad, tilt_rad, roll_rad)

    @classmethod
    def of_rotation(cls, rotation: Doubles, centre_m: Doubles) -> Self:
        """Return the pose with that ``rotation`` and ``centre_m``; without tilt its roll is 0."""
        right, _, forward = np.asarray(rotation, np.float64)
        tilt = math.atan2(math.hypot(forward[0], forward[1]), -forward[2])
        if math.sin(tilt) < _STRAIGHT_DOWN:
            heading = math.atan2(-right[1], right[0])
        else:
            heading = math.atan2(forward[0], forward[1])
        level = np.array([math.cos(heading), -math.sin(heading), 0.0])
        roll = math.atan2(right @ np.cross(forward, level), right @ level)
        east, north, height = (float(value) for value in centre_m)
        return cls(east, north, height, heading, tilt, roll)

    @property
    def centre_m(self) -> Doubles:
        """The camera's place float64[3]."""
        return np.array([self.east_m, self.north_m, self.height_m])

    @property
    def rotation(self) -> Doubles:
        """R float64[3, 3]: its rows are the camera's right, down and forward in the world."""
        sin_t, cos_t = math.sin(self.tilt_rad), math.cos(self.tilt_rad)
        sin_h, cos_h = math.sin(self.heading_rad), math.cos(self.heading_rad)
        forward = np.array([sin_t * sin_h, sin_t * cos_h, -cos_t])
        right = np.array([cos_h, -sin_h, 0.0])
        down = np.cross(forward, right)
        cos_r, sin_r = math.cos(self.roll_rad), math.sin(self.roll_rad)
        return np.stack([cos_r * right + sin_r * down, cos_r * down - sin_r * right, forward])

    @property
    def up_heading_rad(self) -> float:
        """The direction over the ground of the photo's upper edge, clockwise from north.

        Near straight down it is sure where ``heading_rad`` is not.
        """
        down = self.rotation[1]
        return math.atan2(-down[0], -down[1])

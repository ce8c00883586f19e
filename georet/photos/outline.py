"""The ground that a photo shows, as far as its camera is known."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import LatLon
from georet.ground.tangent import Tangent
from georet.photos.camera.facts import CameraFacts
from georet.types import Doubles

_FARTHEST: Final = 10.0
"""Ground farther than so many heights is seen too flat to be drawn."""


def ground_corners(facts: CameraFacts, latlon: LatLon) -> Doubles | None:
    """Return the ground in the photo's corners float64[4, 2], degrees; its middle shows ``latlon``.

    Top left first, then clockwise as seen in the photo; longitudes run on from the middle's. On
    level ground. None where heading, tilt, height, field of view or the photo's size are unknown,
    and where a corner shows the sky or ground more than ten heights away.
    """
    told = (facts.heading_deg, facts.tilt_deg, facts.height_m, facts.fov_deg)
    if facts.size is None or facts.panorama is not None:
        return None
    values = [one.value for one in told if one is not None]
    if len(values) < len(told):
        return None
    heading_deg, tilt_deg, height_m, fov_deg = values
    if tilt_deg >= 90:
        return None
    roll_deg = 0.0 if facts.roll_deg is None else facts.roll_deg.value
    heading, tilt, roll = (math.radians(value) for value in (heading_deg, tilt_deg, roll_deg))
    lens = Lens.of_fov(*facts.size, math.radians(fov_deg))
    camera = Pinhole(lens, Pose.looking_at((0.0, 0.0), height_m, heading, tilt, roll))
    ground = camera.ground(lens.corners)[:, :2]
    away = np.linalg.norm(ground - camera.pose.centre_m[:2], axis=1)
    if not (away <= _FARTHEST * height_m).all():
        return None
    return Tangent(*latlon).latlon(ground)

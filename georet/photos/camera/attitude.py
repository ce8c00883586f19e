"""Yaw, pitch and roll as aircraft tell them, made into heading, tilt and roll of a photo."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from georet.photos.camera.facts import ReadingError, wrapped

_NADIR: Final = -90.0
_OVERSHOOT: Final = 10.0
"""So far beyond straight down do gimbals report; further is another convention."""
STEEP_DEG: Final = 15.0
"""Below this tilt the heading is that of the photo's upper edge: the axis has hardly one."""


@dataclass(frozen=True)
class Attitude:
    """Where a photo's camera looked, in degrees; ``overshoot_deg`` is how far beyond nadir."""

    heading_deg: float | None
    tilt_deg: float | None
    roll_deg: float | None
    overshoot_deg: float = 0.0


def attitude_of(yaw: float | None, pitch: float | None, roll: float | None) -> Attitude:
    """Return where a camera looks of yaw, pitch and roll in degrees, None where not told.

    Yaw runs clockwise from north; pitch is 0 at the horizon and -90 straight down; roll is
    clockwise as the photographer sees it. A camera that hangs upside down (roll near 180) is the
    same as one that is turned by half a turn, since (yaw, pitch, roll) and (yaw + 180, 180 - pitch,
    roll + 180) are one rotation. Raises ReadingError for what no gimbal does.
    """
    for name, value, most in (("yaw", yaw, 360.0), ("pitch", pitch, 180.0), ("roll", roll, 360.0)):
        if value is not None and not (math.isfinite(value) and abs(value) <= most):
            raise ReadingError(f"{name} is {value:g} degrees")
    if yaw == pitch == roll == 0.0:
        raise ReadingError("yaw, pitch and roll are all 0, as cameras without a gimbal write")
    if roll is not None and abs(wrapped(roll)) > 90.0:
        roll = roll + 180.0
        yaw = None if yaw is None else yaw + 180.0
        pitch = None if pitch is None else wrapped(180.0 - pitch)
    overshoot = 0.0
    if pitch is not None:
        if pitch < _NADIR:
            overshoot = _NADIR - pitch
        if overshoot > _OVERSHOOT or pitch > 90.0:
            raise ReadingError(f"pitch is {pitch:g} degrees, beyond straight down or up")
    return Attitude(
        heading_deg=None if yaw is None else yaw % 360.0,
        tilt_deg=None if pitch is None else max(0.0, pitch - _NADIR),
        roll_deg=None if roll is None else wrapped(roll),
        overshoot_deg=overshoot,
    )


def turned_upright(attitude: Attitude, orientation: int) -> Attitude:
    """Return the attitude of the upright photo, whose sensor was turned as EXIF's orientation says.

    The upright photo's upper edge lies 0, 180, -90 or 90 degrees clockwise from the sensor's for
    orientations 1, 3, 6, 8 (EXIF 2.3, section 4.6.4, tag 0x0112). Mirrored ones raise ReadingError.
    """
    if orientation == 1:
        return attitude
    if orientation not in _TURNS:
        raise ReadingError(f"the photo is stored mirrored (orientation {orientation})")
    turn, heading, roll = _TURNS[orientation], attitude.heading_deg, attitude.roll_deg
    is_steep = attitude.tilt_deg is not None and attitude.tilt_deg < STEEP_DEG
    if is_steep:
        heading = None if heading is None else (heading + turn) % 360.0
    else:
        roll = wrapped((roll or 0.0) + turn)
    return Attitude(heading, attitude.tilt_deg, roll, attitude.overshoot_deg)


_TURNS: Final = {3: 180.0, 6: -90.0, 8: 90.0}

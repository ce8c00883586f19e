"""How makers of drones and cameras write attitude and height: one table, one reader.

Sources: DJI's XMP as in its photos and its "Metadata" white paper, also written by Autel and
Yuneec in newer firmware; Parrot's developer pages (pdraw, photo metadata); Skydio's support page on
camera and metadata; Pix4D's page on XMP camera tags, which senseFly, MicaSense and older Autel
firmware write; Google's Photo Sphere XMP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from georet.photos.camera.attitude import Attitude, attitude_of, turned_upright
from georet.photos.camera.facts import (
    CameraFacts,
    Panorama,
    Reading,
    ReadingError,
    checked_height,
)
from georet.photos.camera.xmp import lookup, number_in


@dataclass(frozen=True)
class Convention:
    """How one family writes it: names of yaw, pitch and roll, and what pitch means straight down.

    ``space`` must occur in the namespace's address; empty: any namespace.
    """

    yaw: str
    pitch: str
    roll: str
    nadir_pitch: float = -90.0
    space: str = ""
    heading_sigma_deg: float = 5.0


_SPHERE: Final = "photos/1.0/panorama"

GIMBALS: Final = (
    Convention("GimbalYawDegree", "GimbalPitchDegree", "GimbalRollDegree"),
    Convention("CameraYawDegree", "CameraPitchDegree", "CameraRollDegree", space="parrot"),
    Convention(
        "CameraOrientationNED/Yaw", "CameraOrientationNED/Pitch", "CameraOrientationNED/Roll"
    ),
    Convention("Yaw", "Pitch", "Roll", nadir_pitch=0.0, space="pix4d.com/camera"),
    Convention("PoseHeadingDegrees", "PosePitchDegrees", "PoseRollDegrees", space=_SPHERE),
)
"""The camera's own attitude, in the order in which it is believed."""
AIRFRAMES: Final = ("FlightYawDegree", "DroneYawDegree")
_AIRFRAME_SIGMA_DEG: Final = 20.0
"""A gimbal may look elsewhere than its aircraft flies, and the aircraft drifts in the wind."""
_HEIGHTS: Final = (
    ("RelativeAltitude", "above the place of take-off", 0.15),
    ("AboveGroundAltitude", "", 0.1),
)
_ALTITUDES: Final = (("AbsoluteAltitude", "above the sea or the ellipsoid, as its maker does"),)
_TILT_SIGMA_DEG: Final = 2.0


def facts_in(
    values: Mapping[str, str], *, orientation: int = 1, with_position: bool = False
) -> CameraFacts:
    """Return what an XMP's values tell of attitude, height and panorama; never raises."""
    refused: list[str] = []
    panorama = _panorama(values, refused)
    attitude, source, sigma = _attitude(values, orientation, refused)
    told: dict[str, Any] = {}
    if attitude is not None:
        note = ""
        if attitude.overshoot_deg:
            note = f"the gimbal looked {attitude.overshoot_deg:.1f} degrees beyond straight down"
        told = {
            name: Reading(value, max(deviation, attitude.overshoot_deg), source, note)
            for name, value, deviation in (
                ("heading_deg", attitude.heading_deg, sigma),
                ("tilt_deg", attitude.tilt_deg, _TILT_SIGMA_DEG),
                ("roll_deg", attitude.roll_deg, _TILT_SIGMA_DEG),
            )
            if value is not None
        }
    if "heading_deg" not in told:
        told |= _airframe(values, refused)
    height = _height(values, refused)
    if height is not None:
        told["height_m"] = height
    if with_position:
        told |= _altitude(values, refused)
    return CameraFacts(**told, panorama=panorama, refused=tuple(refused))


def _attitude(
    values: Mapping[str, str], orientation: int, refused: list[str]
) -> tuple[Attitude | None, str, float]:
    for one in GIMBALS:
        found = {
            name: lookup(values, name, space=one.space) for name in (one.yaw, one.pitch, one.roll)
        }
        if not any(found.values()):
            continue
        angles = {
            name: None if at is None else _number(at[1], name, refused)
            for name, at in found.items()
        }
        yaw, pitch, roll = angles.values()
        if pitch is not None:
            pitch += -90.0 - one.nadir_pitch
        try:
            attitude = attitude_of(yaw, pitch, roll)
            return turned_upright(attitude, orientation), f"XMP {one.yaw}", one.heading_sigma_deg
        except ReadingError as error:
            refused.append(f"XMP {one.yaw}: {error}")
    return None, "", 0.0


def _airframe(values: Mapping[str, str], refused: list[str]) -> dict[str, Reading]:
    for name in AIRFRAMES:
        found = lookup(values, name)
        yaw = None if found is None else _number(found[1], name, refused)
        if yaw is None:
            continue
        if abs(yaw) > 360.0:
            refused.append(f"XMP {name}: is {yaw:g} degrees")
            continue
        note = "the aircraft's, not the camera's"
        return {"heading_deg": Reading(yaw % 360.0, _AIRFRAME_SIGMA_DEG, f"XMP {name}", note)}
    return {}


def _height(values: Mapping[str, str], refused: list[str]) -> Reading | None:
    for name, note, share in _HEIGHTS:
        found = lookup(values, name)
        height = None if found is None else _number(found[1], name, refused)
        if height is None:
            continue
        try:
            return Reading(checked_height(height), share * height, f"XMP {name}", note)
        except ReadingError as error:
            refused.append(f"XMP {name}: {error}")
    return None


def _altitude(values: Mapping[str, str], refused: list[str]) -> dict[str, Reading]:
    for name, note in _ALTITUDES:
        found = lookup(values, name)
        altitude = None if found is None else _number(found[1], name, refused)
        if altitude is not None:
            return {"altitude_m": Reading(altitude, 10.0, f"XMP {name}", note)}
    return {}


def _panorama(values: Mapping[str, str], refused: list[str]) -> Panorama | None:
    """Return the part of a panorama that the Photo Sphere values tell."""
    projection = lookup(values, "ProjectionType", space=_SPHERE)
    if projection is None:
        return None
    if projection[1].strip().lower() != "equirectangular":
        refused.append(f"XMP ProjectionType: {projection[1][:30]!r} is not read")
        return None
    names = (
        *("FullPanoWidthPixels", "FullPanoHeightPixels"),
        *("CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels"),
        *("CroppedAreaLeftPixels", "CroppedAreaTopPixels"),
    )
    found = [lookup(values, name) for name in names]
    if any(at is None for at in found):
        return Panorama()
    numbers = [_number(at[1], name, refused) for at, name in zip(found, names, strict=True) if at]
    if any(number is None for number in numbers):
        return None
    full_width, full_height, width, height, left, top = (float(n or 0.0) for n in numbers)
    fits = 0 < width <= full_width and 0 < height <= full_height
    if not fits or left < 0 or top < 0 or top + height > full_height:
        refused.append("XMP: the panorama's cropped area doesn't lie within it")
        return None
    across, down = 360.0 / full_width, 180.0 / full_height
    return Panorama(width * across, height * down, left * across % 360.0, top * down)


def _number(text: str, name: str, refused: list[str]) -> float | None:
    try:
        return number_in(text)
    except ReadingError as error:
        refused.append(f"XMP {name}: {error}")
        return None

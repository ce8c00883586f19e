"""A photo's field of view from what EXIF and XMP tell of its lens, or from its camera's name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from georet.errors import UsageError
from georet.photos.camera.facts import Reading, ReadingError, checked_fov
from georet.photos.camera.xmp import lookup, number_in
from georet.suggest import hint_for

FOCAL_LENGTH, FOCAL_35MM = 0x920A, 0xA405
PLANE_X, PLANE_UNIT, PIXELS_X, DIGITAL_ZOOM = 0xA20E, 0xA210, 0xA002, 0xA404
_DIAGONAL_35MM: Final = math.hypot(36.0, 24.0)
_MM_A_UNIT: Final = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""EXIF 2.3, tag 0xA210; 4 and 5 are no standard but written."""


@dataclass(frozen=True)
class Preset:
    """A camera by its name: the 35-mm equivalent of its photos' diagonal, by maker's data sheet."""

    focal_35mm: float
    about: str


PRESETS: Final = {
    "dji-phantom-4-pro": Preset(24.0, "1 inch, 8.8 mm"),
    "dji-mavic-2-pro": Preset(28.0, "1 inch, 10.3 mm"),
    "dji-mavic-3": Preset(24.0, "4/3, 12.3 mm"),
    "dji-air-2s": Preset(22.0, "1 inch, 8.4 mm"),
    "dji-mini-2": Preset(24.0, "1/2.3 inch, 4.5 mm"),
    "dji-mini-3-pro": Preset(24.0, "1/1.3 inch, 6.7 mm"),
    "dji-zenmuse-p1-24": Preset(24.0, "full frame, 24 mm"),
    "dji-zenmuse-p1-35": Preset(35.0, "full frame, 35 mm"),
    "dji-zenmuse-p1-50": Preset(50.0, "full frame, 50 mm"),
    "parrot-anafi": Preset(23.0, "1/2.4 inch, wide photo"),
    "skydio-2": Preset(20.0, "1/2.3 inch, 3.7 mm"),
    "phone-main": Preset(26.0, "the main camera of most phones"),
}


def preset(name: str) -> Preset:
    """Return a camera by name; UsageError with those there are."""
    found = PRESETS.get(name.lower().replace(" ", "-").replace("_", "-"))
    if found is None:
        close = hint_for(name, list(PRESETS), "cameras")
        raise UsageError(f"there is no camera {name!r}", where="--camera", hint=close)
    return found


def fov_of_focal(focal_px: float, width: float) -> float:
    """Return the angle in degrees that ``width`` pixels span at a focal length in pixels."""
    return math.degrees(2.0 * math.atan2(width / 2.0, focal_px))


def focal_of_35mm(focal_mm: float, size: tuple[int, int]) -> float:
    """Return the focal length in pixels of a 35-mm equivalent, by the diagonal (CIPA DCG-001)."""
    return focal_mm * math.hypot(*size) / _DIAGONAL_35MM


def fov_in(
    tags: Mapping[int, Any],
    values: Mapping[str, str],
    stored: tuple[int, int],
    *,
    is_turned: bool,
    refused: list[str],
) -> Reading | None:
    """Return the field of view of the upright photo's width, None where nothing tells it.

    ``tags`` are EXIF's, ``values`` XMP's, ``stored`` is the width and height in pixels as stored;
    ``is_turned`` says that the upright photo has them swapped. In the order of belief: a focal
    length in pixels that the maker calibrated, focal length and pixels a millimetre, the 35-mm
    equivalent. What can't be believed is added to ``refused``.
    """
    for find in (_calibrated, _by_plane, _by_35mm):
        try:
            found = find(tags, values, stored)
            if found is None:
                continue
            focal_px, share, source = found
            if not (math.isfinite(focal_px) and focal_px > 0):
                raise ReadingError(f"{source}: the focal length is {focal_px:g}")
            fov = checked_fov(fov_of_focal(focal_px, stored[1] if is_turned else stored[0]))
            return Reading(fov, share * fov, source, _zoom_note(tags))
        except ReadingError as error:
            refused.append(f"field of view: {error}")
    return None


def _calibrated(
    tags: Mapping[int, Any], values: Mapping[str, str], stored: tuple[int, int]
) -> tuple[float, float, str] | None:
    found = lookup(values, "CalibratedFocalLength/X") or lookup(values, "CalibratedFocalLength")
    if found is None:
        return None
    # It holds for the photo as it was taken; a smaller copy keeps its metadata.
    share = stored[0] / (_number(tags, PIXELS_X) or stored[0])
    return number_in(found[1]) * min(1.0, share), 0.01, "XMP CalibratedFocalLength"


def _by_plane(
    tags: Mapping[int, Any],
    values: Mapping[str, str],  # noqa: ARG001
    stored: tuple[int, int],
) -> tuple[float, float, str] | None:
    focal_mm, density = _number(tags, FOCAL_LENGTH), _number(tags, PLANE_X)
    unit_mm = _MM_A_UNIT.get(int(_number(tags, PLANE_UNIT) or 2))
    if not focal_mm or not density or unit_mm is None:
        return None
    taken = _number(tags, PIXELS_X) or stored[0]
    sensor_mm = taken / density * unit_mm
    if not 1.0 <= sensor_mm <= 100.0:
        raise ReadingError(f"EXIF FocalPlaneXResolution means a sensor of {sensor_mm:.3g} mm")
    return focal_mm / sensor_mm * stored[0], 0.02, "EXIF FocalLength, FocalPlaneXResolution"


def _by_35mm(
    tags: Mapping[int, Any],
    values: Mapping[str, str],  # noqa: ARG001
    stored: tuple[int, int],
) -> tuple[float, float, str] | None:
    focal_mm = _number(tags, FOCAL_35MM)
    if not focal_mm:
        return None
    if not 4.0 <= focal_mm <= 5000.0:
        raise ReadingError(f"EXIF FocalLengthIn35mmFilm is {focal_mm:g} mm")
    return focal_of_35mm(focal_mm, stored), 0.04, "EXIF FocalLengthIn35mmFilm"


def _zoom_note(tags: Mapping[int, Any]) -> str:
    zoom = _number(tags, DIGITAL_ZOOM) or 1.0
    return f"with a digital zoom of {zoom:g}, which makers count differently" if zoom > 1.0 else ""


def _number(tags: Mapping[int, Any], tag: int) -> float | None:
    """Return a tag's number; None where it isn't there, 0, 0/0 or no number."""
    try:
        value = float(tags[tag])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) and value > 0 else None

"""What a photo says of its camera: EXIF and XMP together, never its position unless asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from georet.data.decoding import open_by_pillow
from georet.data.exif import orientation_in
from georet.data.images import kind_of, read_bytes
from georet.data.kinds import refusal
from georet.photos.camera import makers
from georet.photos.camera.facts import CameraFacts, Reading, ReadingError
from georet.photos.camera.lens import fov_in
from georet.photos.camera.xmp import packets_in, values_of
from georet.photos.gps import own_position, read_exif

_MAKE, _MODEL, _TAKEN, _FRACTION = 0x010F, 0x0110, 0x9003, 0x9291
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_DIRECTION_REF, _DIRECTION = 16, 17
_TRUE_SIGMA_DEG, _MAGNETIC_SIGMA_DEG = 10.0, 20.0
"""Compasses of phones are off by some ten degrees; the declination adds up to twenty."""
_NO_TEXT: Final = dict.fromkeys(range(32)) | {127: None}


def camera_facts(path: Path, *, with_position: bool = False) -> CameraFacts:
    """Return what a photo's EXIF and XMP tell of its camera; the pixels are not decoded.

    ``with_position`` reads position and altitude too, which are never read otherwise. What can't
    be believed is listed in ``refused``, with its field. Raises DataError for a file that is no
    image.
    """
    data = read_bytes(path)
    kind = kind_of(data)
    if kind is None:
        raise refusal(data, path)
    refused: list[str] = []
    with open_by_pillow(data, kind, path) as image:
        stored = image.size
    try:
        exif = read_exif(data, kind, path)
        orientation, root = orientation_in(exif), dict(exif)
        tags = dict(exif.get_ifd(_EXIF_DIRECTORY))
        gps = dict(exif.get_ifd(_GPS_DIRECTORY))
    except Exception as error:  # Pillow's readers raise a dozen unrelated types
        refused.append(f"EXIF: is damaged: {error}")
        orientation, root, tags, gps = 1, {}, {}, {}
    is_turned = orientation >= 5
    values: dict[str, str] = {}
    for packet in packets_in(data):
        try:
            values = {**values_of(packet), **values}
        except ReadingError as error:
            refused.append(str(error))
    told = makers.facts_in(values, orientation=orientation, with_position=with_position)
    own = CameraFacts(
        heading_deg=None if told.heading_deg else _direction(gps, refused),
        fov_deg=fov_in(tags, values, stored, is_turned=is_turned, refused=refused),
        size=stored[::-1] if is_turned else stored,
        maker=_text(root.get(_MAKE)),
        model=_text(root.get(_MODEL)),
        taken_at=_taken_at(_text(tags.get(_TAKEN)), _text(tags.get(_FRACTION))),
        refused=tuple(refused),
    )
    facts = told.over(own)
    return _with_position(facts, path) if with_position else facts


def _with_position(facts: CameraFacts, path: Path) -> CameraFacts:
    position = own_position(path)
    altitude = position.altitude_m
    return facts.over(
        CameraFacts(
            latlon=position.latlon,
            altitude_m=None if altitude is None else Reading(altitude, 20.0, "EXIF GPSAltitude"),
            refused=(position.reason,) if position.reason else (),
        )
    )


def _direction(gps: Mapping[int, Any], refused: list[str]) -> Reading | None:
    """Return the heading in EXIF's GPSImgDirection (EXIF 2.3, section 4.6.6, tags 16 and 17)."""
    if _DIRECTION not in gps:
        return None
    try:
        heading = float(gps[_DIRECTION])
    except (TypeError, ValueError, ZeroDivisionError):
        heading = math.nan
    if not 0.0 <= heading <= 360.0:
        refused.append(f"EXIF GPSImgDirection: is {heading:g} degrees")
        return None
    ref = _text(gps.get(_DIRECTION_REF)).upper()
    if ref.startswith("T"):
        return Reading(heading % 360.0, _TRUE_SIGMA_DEG, "EXIF GPSImgDirection")
    note = "from magnetic north" if ref.startswith("M") else "from an unnamed north"
    return Reading(heading % 360.0, _MAGNETIC_SIGMA_DEG, "EXIF GPSImgDirection", note)


def _taken_at(second: str, fraction: str) -> str:
    """Return when a photo was taken, with the digits after the second where the camera has any."""
    digits = fraction.strip()
    return f"{second}.{digits}" if second and digits.isascii() and digits.isdigit() else second


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.translate(_NO_TEXT).strip()[:100] if isinstance(value, str) else ""

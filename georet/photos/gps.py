"""The position that a camera wrote into a photo; read only when asked, and never passed on.

EXIF is read by Pillow. What writers make of the standard's three rationals and a letter is more
varied than any library's answer: here every reading is either certain, or refused with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image, PngImagePlugin

from georet.data.decoding import open_by_pillow
from georet.data.exif import exif_of
from georet.data.images import kind_of, read_bytes
from georet.data.kinds import refusal
from georet.errors import DataError
from georet.photos.degrees import HEMISPHERES, Angle, PositionError, parse_angle, parse_ref, signed

_GPS_DIRECTORY: Final = 0x8825
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_ALTITUDE_REF, _ALTITUDE, _STATUS = 5, 6, 9

_XMP_PACKET: Final = re.compile(rb"<x:xmpmeta\b.*?</x:xmpmeta\s*>|<rdf:RDF\b.*?</rdf:RDF\s*>", re.S)
_XMP_KEYWORD: Final = b"XML:com.adobe.xmp"
_XMP_VALUE: Final = r"""[\w-]+:{name}\s*(?:=\s*["']([^"'<]*)["']|>\s*([^<]*)<)"""
_XMP_NAMES: Final = {
    # DJI's own spelling of its own key, for years.
    "longitude": "(?:GPSLongitude|GpsLongtitude)",
    "latitude": "GPSLatitude",
    "latitude_ref": "GPSLatitudeRef",
    "longitude_ref": "GPSLongitudeRef",
    "status": "GPSStatus",
}


@dataclass(frozen=True)
class OwnPosition:
    """What a photo says of where it was taken.

    ``latlon`` in degrees is None where there is no usable position; ``reason`` says why.
    ``altitude_m`` is above the sea, negative below it, and None where it isn't told.
    """

    latlon: tuple[float, float] | None
    reason: str = ""
    altitude_m: float | None = None


def own_position(path: Path) -> OwnPosition:
    """Return the position that a photo's EXIF tells, or else its XMP; pixels are not decoded.

    Letters or words for the hemisphere may be of either case, padded, or bytes; a minus sign means
    south or west whatever they say, and counts in their place where they are missing. What is void,
    zero, off the Earth, or told in part only is no position.
    """
    try:
        data = read_bytes(path)
        kind = kind_of(data)
        if kind is None:
            raise refusal(data, path)
        tags = _gps_tags(data, kind, path)
    except DataError as error:
        return OwnPosition(None, error.what)
    packet = _XMP_PACKET.search(_unpacked(data) if kind == "PNG" else data)
    try:
        return _from_exif(tags)
    except PositionError as error:
        if error.is_void or packet is None:
            return OwnPosition(None, str(error))
        reason = str(error)
    try:
        return _from_xmp(packet[0].decode("utf-8", "replace"))
    except PositionError as error:
        return OwnPosition(None, f"{reason}; {error}" if tags else str(error))


def exif_latlon(path: Path) -> tuple[float, float] | None:
    """Return latitude and longitude in degrees from a photo's EXIF or XMP, None where it has none.

    What is no valid position counts as none; ``own_position`` says why.
    """
    return own_position(path).latlon


def read_exif(data: bytes, kind: str, path: Path, tag: int | None = None) -> Image.Exif:
    """Return the EXIF in an encoded image of any kind; DataError where it is damaged.

    Of several in a JPEG the first, with ``tag`` the first that has it.
    """
    try:
        if kind in ("AVIF", "HEIF"):
            with open_by_pillow(data, kind, path) as image:
                return image.getexif()
        return exif_of(data, kind, tag)
    except DataError:
        raise
    except Exception as error:  # Pillow's readers raise a dozen unrelated types
        raise DataError(f"its EXIF is damaged: {error}", where=str(path)) from None


def _gps_tags(data: bytes, kind: str, path: Path) -> Mapping[int, Any]:
    exif = read_exif(data, kind, path, _GPS_DIRECTORY)
    try:
        return dict(exif.get_ifd(_GPS_DIRECTORY))
    except Exception as error:  # as above
        raise DataError(f"its EXIF is damaged: {error}", where=str(path)) from None


def _unpacked(data: bytes) -> bytes:
    """Return a PNG's bytes, or the XMP in it where that is compressed."""
    if _XMP_KEYWORD not in data or _XMP_PACKET.search(data):
        return data
    try:
        with PngImagePlugin.PngImageFile(BytesIO(data)) as image:
            packet = image.info.get("xmp", b"")
            return packet if isinstance(packet, bytes) else b""
    except Exception:  # Pillow's readers raise a dozen unrelated types
        return b""


def _from_exif(tags: Mapping[int, Any]) -> OwnPosition:
    if _LATITUDE not in tags and _LONGITUDE not in tags:
        raise PositionError("neither EXIF nor XMP holds a position")
    _check_status(tags.get(_STATUS), "EXIF")
    latlon = _latlon(
        (tags.get(_LATITUDE), tags.get(_LATITUDE_REF)),
        (tags.get(_LONGITUDE), tags.get(_LONGITUDE_REF)),
        "EXIF",
    )
    return OwnPosition(latlon, altitude_m=_altitude_m(tags))


def _from_xmp(text: str) -> OwnPosition:
    found = {}
    for key, name in _XMP_NAMES.items():
        match = re.search(_XMP_VALUE.format(name=name), text, re.IGNORECASE)
        if match:
            found[key] = (match[1] if match[1] is not None else match[2]).strip()
    if "latitude" not in found and "longitude" not in found:
        raise PositionError("neither EXIF nor XMP holds a position")
    _check_status(found.get("status"), "XMP")
    latitude = found.get("latitude"), found.get("latitude_ref")
    longitude = found.get("longitude"), found.get("longitude_ref")
    values = [str(found.get(name, "")) for name in HEMISPHERES]
    if any(value.startswith(("-", "+")) and "," in value for value in values):
        raise PositionError(
            f"XMP: {', '.join(values)} may be decimal commas, or degrees and minutes"
        )
    # Plain numbers carry signs; degrees and minutes carry letters.
    is_plain = not any("," in str(value) for value in (latitude[0], longitude[0]))
    return OwnPosition(_latlon(latitude, longitude, "XMP", signs_count=is_plain))


def _check_status(status: Any, origin: str) -> None:
    text = status.decode("ascii", "replace") if isinstance(status, bytes) else str(status or "")
    if text.strip("\0 ").upper().startswith("V"):
        raise PositionError(f"{origin}: the position is marked as void (GPSStatus V)", is_void=True)


def _latlon(
    latitude: tuple[Any, Any],
    longitude: tuple[Any, Any],
    origin: str,
    *,
    signs_count: bool = False,
) -> tuple[float, float]:
    """Return latitude and longitude of (value, ref) each; PositionError where they tell none.

    With ``signs_count`` the value's sign is enough, as where plain numbers are the rule.
    """
    told = dict(zip(HEMISPHERES, (latitude, longitude), strict=True))
    try:
        angles = [parse_angle(value, name) for name, (value, _) in told.items()]
        # One minus sign shows that the writer writes them.
        signs_count = signs_count or any(angle.is_negative for angle in angles)
        north, east = (_one(angle, told[angle.name][1], signs_count) for angle in angles)
    except PositionError as error:
        raise PositionError(f"{origin}: {error}") from None
    if abs(north) > 90:
        raise PositionError(f"{origin}: the latitude is {north:g} degrees")
    if (north, east) == (0.0, 0.0):
        raise PositionError(f"{origin}: the position is 0, 0, which cameras without a fix write")
    return north, east


def _one(angle: Angle, told: Any, signs_count: bool) -> float:
    ref = angle.ref or parse_ref(told, HEMISPHERES[angle.name], angle.name)
    if ref is None and not signs_count:
        raise PositionError(f"the {angle.name} doesn't say which hemisphere it is in")
    return signed(angle, ref)


def _altitude_m(tags: Mapping[int, Any]) -> float | None:
    try:
        altitude_m = float(tags[_ALTITUDE])
        ref = tags.get(_ALTITUDE_REF, 0)
        # A byte by the standard; as a word or as text it is found too.
        below = ref.strip(b"\0 ") in (b"\1", b"1") if isinstance(ref, bytes) else int(ref) == 1
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if altitude_m != altitude_m:  # 0/0
        return None
    return -abs(altitude_m) if below else altitude_m

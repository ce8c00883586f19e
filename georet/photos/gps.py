"""The position that a camera wrote into a photo; read only when asked, and never passed on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PIL import Image

from georet.errors import DataError
from georet.geodesy import checked_latlon

_GPS_DIRECTORY: Final = 0x8825
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_FORMATS: Final = ("JPEG", "PNG", "TIFF", "WEBP")


def exif_latlon(path: Path) -> tuple[float, float] | None:
    """Return latitude and longitude in degrees from a photo's EXIF, None where it has none.

    Nothing is decoded but the file's head. What is no valid position counts as none.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            tags: Any = image.getexif().get_ifd(_GPS_DIRECTORY)
        latlon = (
            _degrees(tags[_LATITUDE], is_negative=tags[_LATITUDE_REF] == "S"),
            _degrees(tags[_LONGITUDE], is_negative=tags[_LONGITUDE_REF] == "W"),
        )
        checked_latlon(latlon)
    except (DataError, KeyError, TypeError, ValueError, ZeroDivisionError, OSError, SyntaxError):
        return None
    # Cameras without a fix write zeros.
    return None if latlon == (0.0, 0.0) else latlon


def _degrees(parts: Any, *, is_negative: bool) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if is_negative else value

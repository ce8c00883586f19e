"""Finds EXIF in encoded images and lets Pillow read it; turns images upright.

Pillow reads EXIF itself, but not without opening the image around it, which decodes PNGs and takes
memory for WebPs; so the few bytes that hold it are found here.
"""

from __future__ import annotations

import warnings
import zlib
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from georet.types import Pixels

_ORIENTATION_TAG: Final = 0x0112
_EXIF: Final = b"Exif\0\0"
_IN_TEXT: Final = b"Raw profile type "
"""How ImageMagick put EXIF into PNGs before PNG had a place for it."""

# EXIF that is damaged counts as none, or has its reason told; Pillow would name its own lines.
warnings.filterwarnings("ignore", "Corrupt EXIF data|Truncated File Read", module="PIL")


def exif_of(data: bytes, kind: str) -> Image.Exif:
    """Return the EXIF in an encoded JPEG, PNG, TIFF or WebP; empty where there is none to read."""
    exif = Image.Exif()
    try:
        if kind == "PNG" and b"eXIf" not in data and _IN_TEXT in data:
            with PngImagePlugin.PngImageFile(BytesIO(data)) as image:
                # The plugin's own method would decode the whole image.
                return Image.Image.getexif(image)
        found = data if kind == "TIFF" else _FINDERS[kind](data) if kind in _FINDERS else b""
        if found:
            exif.load(found)
    except Exception:  # Pillow's readers raise a dozen unrelated types
        return Image.Exif()
    return exif


def orientation_of(data: bytes, kind: str) -> int:
    """Return the EXIF orientation 1..8 of an encoded image; 1 (upright) if there is none."""
    return orientation_in(exif_of(data, kind))


def orientation_in(exif: Image.Exif) -> int:
    """Return the orientation 1..8 that EXIF tells; 1 (upright) if it tells none."""
    try:
        value = int(exif.get(_ORIENTATION_TAG, 1))
    except (TypeError, ValueError, OverflowError):
        return 1
    return value if 1 <= value <= 8 else 1


def turn_upright(image: Pixels, orientation: int) -> Pixels:
    """Return uint8[H, W, 3] as the camera saw it (orientations 5 to 8 swap H and W).

    Orientations as in EXIF 2.3, section 4.6.4, tag 0x0112.
    """
    if orientation == 1:
        return image
    if orientation >= 5:
        image = np.asarray(cv2.transpose(image), dtype=np.uint8)
    # After the transposition 5 needs nothing more, 6 and 8 a mirror, 7 both.
    mirror = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return image if mirror is None else np.asarray(cv2.flip(image, mirror), dtype=np.uint8)


def _in_jpeg(data: bytes) -> bytes:
    """Return the first EXIF segment; segments as in ITU-T T.81, B.1.1."""
    at = 2
    while data[at : at + 1] == b"\xff":
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in (0xD9, 0xDA):  # the image's end, or its pixels' beginning
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xE1 and data.startswith(_EXIF, at + 4):
            return data[at + 4 : at + 2 + length]
        at += 2 + length
    return b""


def _in_png(data: bytes) -> bytes:
    """Return the eXIf chunk, which may stand behind the pixels; its checksum vouches for it."""
    at = data.find(b"eXIf")
    while at >= 4:
        end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
        if zlib.crc32(data[at:end]) == int.from_bytes(data[end : end + 4], "big"):
            return data[at + 4 : end]
        at = data.find(b"eXIf", at + 1)
    return b""


def _in_webp(data: bytes) -> bytes:
    """Return the EXIF chunk of a RIFF container, whose chunks are padded to even lengths."""
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            return data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return b""


_FINDERS: Final = {"JPEG": _in_jpeg, "PNG": _in_png, "WEBP": _in_webp}

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
_EXIF: Final = b"exif\0"
"""What EXIF begins with, in lower case; some writers put 0xFF behind it, where a second 0 belongs.
"""
_IN_TEXT: Final = tuple(f"Raw profile type {name}" for name in ("exif", "APP1"))
"""How ImageMagick put EXIF into PNGs before PNG had a place for it."""

# EXIF that is damaged counts as none, or has its reason told; Pillow would name its own lines.
warnings.filterwarnings(
    "ignore",
    "Corrupt EXIF|Truncated File|Tag data larger|Metadata Warning|Possibly corrupt",
    module="PIL",
)


def exif_of(data: bytes, kind: str, tag: int | None = None) -> Image.Exif:
    """Return the EXIF in an encoded JPEG, PNG, TIFF or WebP; empty where there is none to read.

    Editors leave empty, torn or second ones behind in JPEGs. The first that can be read is meant;
    with ``tag`` the first that has it.
    """
    readable = (exif for exif in map(_loaded, _blocks(data, kind)) if exif)
    first = next(readable, Image.Exif())
    if tag is None or tag in first:
        return first
    return next((exif for exif in readable if tag in exif), first)


def orientation_of(data: bytes, kind: str) -> int:
    """Return the EXIF orientation 1..8 of an encoded image; 1 (upright) if there is none."""
    return orientation_in(exif_of(data, kind, _ORIENTATION_TAG))


def orientation_in(exif: Image.Exif) -> int:
    """Return the orientation 1..8 that EXIF tells; 1 (upright) if it tells none."""
    value = exif.get(_ORIENTATION_TAG, 1)
    try:
        # A word or long by the standard; some write it as a byte.
        number = value[0] if isinstance(value, bytes) else int(value)
    except (TypeError, ValueError, OverflowError, IndexError):
        return 1
    return number if 1 <= number <= 8 else 1


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


def _loaded(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    try:
        exif.load(block)
    except Exception:  # Pillow's readers raise a dozen unrelated types
        return Image.Exif()
    return exif


def _blocks(data: bytes, kind: str) -> list[bytes]:
    """Return all that may be EXIF, in the order in which it is to be tried."""
    if kind == "TIFF":
        return [data]
    if kind == "JPEG":
        parts = _in_jpeg(data)
        # What is longer than a segment goes on in the next one.
        return [*parts, b"".join(parts)] if len(parts) > 1 else parts
    if kind == "WEBP":
        return [_in_webp(data)]
    return [_in_png(data) or _in_text(data)] if kind == "PNG" else []


def _in_jpeg(data: bytes) -> list[bytes]:
    """Return what all EXIF segments hold; segments as in ITU-T T.81, B.1.1."""
    at, found = 2, []
    while data[at : at + 1] == b"\xff":
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in (0xD9, 0xDA):  # the image's end, or its pixels' beginning
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xE1 and data[at + 4 : at + 9].lower() == _EXIF:
            found.append(data[at + 10 : at + 2 + length])
        at += 2 + length
    return found


def _in_png(data: bytes) -> bytes:
    """Return the eXIf chunk, which may stand behind the pixels; its checksum vouches for it."""
    at = data.find(b"eXIf")
    while at >= 4:
        end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
        if zlib.crc32(data[at:end]) == int.from_bytes(data[end : end + 4], "big"):
            return data[at + 4 : end]
        at = data.find(b"eXIf", at + 1)
    return b""


def _in_text(data: bytes) -> bytes:
    """Return EXIF that ImageMagick wrote as hexadecimal text behind a name and a length."""
    if b"Raw profile type " not in data:
        return b""
    try:
        with PngImagePlugin.PngImageFile(BytesIO(data)) as image:
            text = next((str(image.info[key]) for key in _IN_TEXT if key in image.info), "")
            return bytes.fromhex("".join(text.split("\n")[3:]))
    except Exception:  # Pillow's readers raise a dozen unrelated types
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

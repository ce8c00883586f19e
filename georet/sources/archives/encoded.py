"""Decodes tiles that lie in memory, transparency included."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from georet.data.decoding import WHOLE_PIXELS as MAX_PIXELS
from georet.data.images import decode_image
from georet.errors import DataError
from georet.types import Pixels

_PNG, _PNG_KINDS_WITH_ALPHA = b"\x89PNG\r\n\x1a\n", (b"\x04", b"\x06")


def decode(data: bytes, path: Path, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return uint8[h, w, 3] of an encoded image; what is transparent is black.

    DataError that names ``path``: empty, of another kind, too large, truncated or damaged.
    """
    image, alpha = decode_with_alpha(data, path, max_pixels=max_pixels)
    if alpha is not None:
        image[alpha == 0] = 0
    return image


def decode_with_alpha(
    data: bytes, path: Path, *, max_pixels: int = MAX_PIXELS
) -> tuple[Pixels, Pixels | None]:
    """Return uint8[h, w, 3] of an encoded image, and alpha uint8[h, w] where it has any.

    DataError as ``decode``.
    """
    image = decode_image(data, path, max_pixels=max_pixels)
    if not may_be_transparent(data):
        return image, None
    alpha = _alpha(data)
    return image, alpha if alpha is not None and alpha.shape == image.shape[:2] else None


def void_share(data: bytes) -> float:
    """Return the transparent share of an encoded image; 0 where it can't be decoded."""
    if not may_be_transparent(data):
        return 0.0
    try:
        decode_image(data, Path("tile"), max_pixels=MAX_PIXELS)
    except DataError:
        return 0.0
    alpha = _alpha(data)
    return 0.0 if alpha is None else float((alpha == 0).mean())


def may_be_transparent(data: bytes) -> bool:
    """Say by the first bytes whether an image can have transparent pixels: PNG and WebP only."""
    if data.startswith(_PNG):
        return data[25:26] in _PNG_KINDS_WITH_ALPHA or b"tRNS" in data[:2048]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        is_extended, is_lossless = data[12:16] == b"VP8X", data[12:16] == b"VP8L"
        return is_lossless or (is_extended and bool(data[20] & 0x10))
    return False


def _alpha(data: bytes) -> Pixels | None:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        return None
    shift = 0 if image.dtype == np.uint8 else 8
    return (image[:, :, 3].astype(np.uint16) >> shift).astype(np.uint8)

"""Reads image files as uint8[H, W, 3] RGB, within limits, by rules that never differ between uses.

Training, evaluation and galleries all read through ``read_image`` and ``preprocess``, so that an
encoder sees in use what it saw in training.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from georet.config import MAX_PIXELS, RESIZE_RULE
from georet.data.decoding import decode
from georet.data.kinds import SUFFIXES, kind_of, refusal
from georet.data.resizing import FAST, is_fast, reduced, resize
from georet.errors import DataError
from georet.types import Pixels

__all__ = [
    "MAX_PIXELS",
    "RESIZE_RULE",
    "SUFFIXES",
    "decode_image",
    "kind_of",
    "preprocess",
    "read_bytes",
    "read_image",
    "read_scaled",
    "resize",
]

_MOST_BYTES_A_PIXEL: Final = 8
"""Four channels of 16 bits, not compressed."""
_ROOM_FOR_METADATA: Final = 64 * 1024 * 1024


def read_image(
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    rule: str = RESIZE_RULE,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """Return the image uint8[H, W, 3], RGB; with ``size`` (height, width) resized to it by a rule.

    JPEG (of an MPO its first image), PNG, TIFF (first page), WebP, BMP, AVIF and, with the extra
    `heif`, HEIC are told apart by their first bytes; the name's suffix doesn't matter. Images are
    turned upright as EXIF says. Grey becomes three equal channels, CMYK is mixed without a colour
    profile, alpha is dropped. Samples of 16 bits are brought to 8 by the bits that are used: those
    that the image's largest sample needs, at least 8, so that 10 or 12 bits in words of 16 don't
    turn black. Images of more than ``WHOLE_PIXELS`` are halved until they have no more; JPEGs while
    they are decoded. An encoder's own ``resize_rule`` is the one to give.

    Raises DataError that names the file: missing, empty, no regular file, unreadable, of another
    kind, more than ``max_pixels`` or a decompression bomb (judged by the header, before decoding),
    truncated or damaged.
    """
    return decode_image(
        read_bytes(path, max_pixels=max_pixels), path, size=size, rule=rule, max_pixels=max_pixels
    )


def decode_image(
    data: bytes,
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    rule: str = RESIZE_RULE,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """Return the image of an encoded file's bytes, as ``read_image``; ``path`` names it in errors.

    Raises DataError as ``read_image`` does.
    """
    kind = kind_of(data)
    if kind is None:
        raise refusal(data, path)
    if size is None or not is_fast(rule):
        image = decode(data, kind, path, None, max_pixels)
        return image if size is None else preprocess(image, size, rule)
    return resize(_scaled(data, kind, path, size, max_pixels), size, rule.removesuffix(FAST))


def read_scaled(path: Path, size: tuple[int, int], *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return uint8[h, w, 3] of a file at the smallest n/8 of its size that covers ``size``.

    It is what the fast rules resize on. Raises DataError as ``read_image`` does.
    """
    data = read_bytes(path, max_pixels=max_pixels)
    kind = kind_of(data)
    if kind is None:
        raise refusal(data, path)
    return _scaled(data, kind, path, size, max_pixels)


def preprocess(image: Pixels, size: tuple[int, int], rule: str) -> Pixels:
    """Return an image uint8[H, W, 3], RGB, as an encoder takes it: ``size`` is (height, width).

    Training, evaluation, galleries and exported encoders share this function. It resizes by the
    encoder's rule and does nothing else: normalisation is part of the encoder.
    """
    return resize(image, size, rule)


def within(image: Pixels, side: float) -> Pixels:
    """Return uint8[H, W, 3], a smaller one if its longest side has more than ``side`` pixels.

    For pictures that people look at: each pixel is the mean of those that it stands for.
    """
    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return np.ascontiguousarray(image)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def read_bytes(path: Path, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return what an image file holds; DataError where it can't be read or is no regular file."""
    try:
        status = path.stat()
        # Reading a pipe or a device may never end.
        if not stat.S_ISREG(status.st_mode):
            raise DataError(
                f"the image can't be read: it is {_described(status.st_mode)}",
                where=str(path),
                hint="it must be a regular file that this user may read",
            )
        if status.st_size > _MOST_BYTES_A_PIXEL * max_pixels + _ROOM_FOR_METADATA:
            raise DataError(
                f"the file has {status.st_size:,} bytes, more than any image of {max_pixels:,} "
                "pixels, which is the cap",
                where=str(path),
                hint="make it smaller, or raise the cap if the file can be trusted: --max-pixels",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            "the image is missing",
            where=str(path),
            hint="is the data set's root right, and was everything unpacked?",
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"the image can't be read: {reason}",
            where=str(path),
            hint="it must be a regular file that this user may read",
        ) from None


def _scaled(data: bytes, kind: str, path: Path, size: tuple[int, int], max_pixels: int) -> Pixels:
    image = decode(data, kind, path, size, max_pixels)
    # Decoding has averaged a JPEG already: a second time would blur it.
    return image if kind == "JPEG" else reduced(image, size)


def _described(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"

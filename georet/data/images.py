"""Reads image files as uint8[H, W, 3] RGB, within limits, by rules that never differ between uses.

Training, evaluation and galleries all read through ``read_image`` and ``preprocess``, so that an
encoder sees in use what it saw in training.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import simplejpeg
from PIL import (
    BmpImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from georet.data.exif import jpeg_orientation, turn_upright
from georet.errors import DataError
from georet.types import Pixels

MAX_PIXELS: Final = 40_000_000
"""Images with more pixels are refused before they are decoded."""

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp")
"""How files that count as images in a folder end, in lower case."""

RESIZE_RULE: Final = "bilinear-exact"
"""The name of what ``resize`` does, for manifests; another rule gets another name."""

_MAGIC: Final = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
}
_HEADER_READERS: Final[dict[str, Callable[[BytesIO], ImageFile.ImageFile]]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
_PLAIN_MODES: Final = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")
_NOT_TOLD: Final = "subsampling level"
"""In TurboJPEG's complaint of whole files whose channels are sampled in ways it has no name for."""
_FETCH_AGAIN: Final = "fetch the file again, or remove its row from the data set"


def read_image(
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    fast: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """Return the image uint8[H, W, 3], RGB; with ``size`` (height, width) resized to it.

    JPEG, PNG, TIFF (first page), WebP and BMP are told apart by their first bytes; the name's
    suffix doesn't matter. Images are turned upright as EXIF says (as OpenCV's ``imread`` does).
    Grey becomes three equal channels, CMYK is mixed without a colour profile, alpha is dropped, of
    16 bits the upper 8 are kept.
    ``fast`` decodes a JPEG at the smallest scale (n/8) that still covers ``size``; its pixels
    differ slightly from those of a full decode.

    Raises DataError that names the file: missing, empty, unreadable, of another kind, more than
    ``max_pixels`` (judged by the header, before decoding), truncated or damaged.
    """
    return decode_image(_read_bytes(path), path, size=size, fast=fast, max_pixels=max_pixels)


def decode_image(
    data: bytes,
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    fast: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """Return the image of an encoded file's bytes, as ``read_image``; ``path`` names it in errors.

    Raises DataError as ``read_image`` does.
    """
    if not data:
        raise DataError("the image is empty (0 bytes)", where=str(path), hint=_FETCH_AGAIN)
    kind = _kind(data, path)
    if kind == "JPEG":
        image = _decode_jpeg(data, path, size if fast else None, max_pixels)
    else:
        image = _decode_other(data, path, kind, max_pixels)
    return image if size is None else preprocess(image, size)


def preprocess(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return an image uint8[H, W, 3], RGB, as an encoder takes it: ``size`` is (height, width).

    Training, evaluation, galleries and exported encoders share this function. It resizes by
    ``RESIZE_RULE`` and does nothing else: normalisation is part of the encoder.
    """
    return resize(image, size)


def resize(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return uint8[H, W, 3] resized to ``size`` (height, width); the image itself if it has it.

    Bilinear with half-pixel centres and no smoothing when shrinking, as Sample4Geo does, in
    OpenCV's integer arithmetic: the same bytes on every processor.
    """
    if image.shape[:2] == tuple(size):
        return image
    height, width = size
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    return np.asarray(resized, dtype=np.uint8)


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


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            "the image is missing",
            where=str(path),
            hint="is the data set's root right, and was everything unpacked?",
        ) from None
    except OSError as error:
        raise DataError(
            f"the image can't be read: {error.strerror}",
            where=str(path),
            hint="it must be a regular file that this user may read",
        ) from None
    return data


def kind_of(head: bytes) -> str | None:
    """Return the format that a file's first 12 bytes speak of, or None where it is none of ours."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    return "WEBP" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _kind(data: bytes, path: Path) -> str:
    kind = kind_of(data)
    if kind is not None:
        return kind
    raise DataError(
        f"not a JPEG, PNG, TIFF, WebP or BMP image: it begins with {data[:12]!r}",
        where=str(path),
        hint="convert it to one of these, or remove its row from the data set",
    )


def _check_pixels(height: int, width: int, path: Path, max_pixels: int) -> None:
    if height * width > max_pixels:
        raise DataError(
            f"{width} x {height} = {height * width:,} pixels, the cap is {max_pixels:,}",
            where=str(path),
            hint="make it smaller, or raise data.max_pixels if the file can be trusted",
        )


def _damaged(kind: str, path: Path, reason: object) -> DataError:
    what = f"the {kind} is truncated or damaged: {reason}"
    return DataError(what, where=str(path), hint=_FETCH_AGAIN)


def _decode_jpeg(data: bytes, path: Path, least: tuple[int, int] | None, max_pixels: int) -> Pixels:
    orientation = jpeg_orientation(data)
    # Orientations from 5 on swap height and width, so the stored size has them the other way.
    height, width = (least if orientation < 5 else least[::-1]) if least else (0, 0)
    try:
        full_height, full_width, _, _ = simplejpeg.decode_jpeg_header(data)
        _check_pixels(full_height, full_width, path, max_pixels)
        image = simplejpeg.decode_jpeg(data, min_height=height, min_width=width, strict=True)
    except ValueError as error:
        if _NOT_TOLD not in str(error):
            raise _damaged("JPEG", path, error) from None
        _check_header(data, path, "JPEG", max_pixels)
        image = _decode_with_pillow(data, path, "JPEG")
    return turn_upright(image, orientation)


def _check_header(data: bytes, path: Path, kind: str, max_pixels: int) -> None:
    try:
        # The plugin's class, not Image.open: that warns of big images in its own way and order.
        with _HEADER_READERS[kind](BytesIO(data)) as header:
            width, height = header.size
    except Exception as error:  # Pillow's readers raise a dozen unrelated types
        raise _damaged(kind, path, error) from None
    _check_pixels(height, width, path, max_pixels)


def _decode_other(data: bytes, path: Path, kind: str, max_pixels: int) -> Pixels:
    _check_header(data, path, kind, max_pixels)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        return _decode_with_pillow(data, path, kind)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _decode_with_pillow(data: bytes, path: Path, kind: str) -> Pixels:
    """Decode what the faster decoders refuse, or at least say why it is refused."""
    try:
        with Image.open(BytesIO(data), formats=(kind,)) as image:
            mode = image.mode
            pixels = np.array(image.convert("RGB"))
    except Exception as error:  # Pillow's readers raise a dozen unrelated types
        raise _damaged(kind, path, error) from None
    if mode not in _PLAIN_MODES:
        raise DataError(
            f"the {kind} has samples of type {mode!r}, which don't fit into 8 bits",
            where=str(path),
            hint="scale it to 8 bits a channel first",
        )
    return pixels

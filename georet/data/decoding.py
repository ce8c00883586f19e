"""Decodes the bytes of JPEG, PNG, TIFF, WebP, BMP, AVIF and HEIC files, upright and in RGB."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

import cv2
import numpy as np
import simplejpeg
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from georet.data.exif import exif_of, orientation_in, orientation_of, turn_upright
from georet.data.kinds import HEAD, RAW_SUFFIXES, kind_of, raw_refusal
from georet.data.resizing import halved
from georet.errors import DataError, GeoretError
from georet.extras import need
from georet.types import Pixels

WHOLE_PIXELS: Final = 40_000_000
"""What has more is halved until it has no more, and read one at a time."""

_READERS: Final[dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
_PLAIN_MODES: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_NOT_TOLD: Final = "subsampling level"
"""In TurboJPEG's complaint of whole files whose channels are sampled in ways it has no name for."""
_HARMLESS: Final = (_NOT_TOLD, "bad ICC marker")
"""In complaints of files whose pixels are whole."""
_FETCH_AGAIN: Final = "fetch the file again, or remove its row from the data set"
_MOST_HALVINGS: Final = 3
"""JPEG decodes at 1/2, 1/4 and 1/8."""
_PIXELS_A_BYTE: Final = 1100
"""A whole image has fewer: deflate makes at most 1032 bytes of one, a JPEG no 200 pixels."""
_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By PNG's colour type."""
_DNG_VERSION, _NEW_SUBFILE_TYPE, _REDUCED = 0xC612, 0x00FE, 1
_BITS_PER_SAMPLE, _MOST_BITS = 0x0102, 16
_MOST_CHANNELS: Final = 4
_SAMPLE_FORMAT, _UNSIGNED = 0x0153, 1
_SAMPLE_KINDS: Final = {
    1: "unsigned integer", 2: "signed integer", 3: "float", 5: "complex integer",
    6: "complex float",
}  # fmt: skip
_COLOUR: Final = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_OPENCV: Final = ("PNG", "TIFF", "WEBP", "BMP")
_TURNED: Final = ("TIFF", "HEIF")
"""Kinds whose decoders turn images upright themselves."""
_big_ones = threading.Lock()


def decode(
    data: bytes, kind: str, path: Path, least: tuple[int, int] | None, max_pixels: int
) -> Pixels:
    """Return uint8[H, W, 3] of an encoded image; ``path`` names it in errors.

    With ``least`` (height, width) a JPEG is decoded at the smallest scale n/8 that covers it.
    Raises DataError for what ``georet.data.images.read_image`` lists.
    """
    height, width = _checked_size(data, kind, path, max_pixels)
    halvings = 0
    while halvings < _MOST_HALVINGS and height * width > WHOLE_PIXELS * 4**halvings:
        halvings += 1
    # Several big ones at once might not fit into memory.
    with _big_ones if halvings else nullcontext():
        if kind == "JPEG":
            return _decode_jpeg(data, path, least, halvings)
        orientation = 1 if kind in _TURNED else orientation_of(data, kind)
        image = _by_opencv(data, kind, path, halvings) if kind in _OPENCV else None
        if image is None:
            image, told = _by_pillow(data, path, kind)
            image = halved(image, halvings) if halvings else image
            orientation = told if kind == "AVIF" else orientation
        return turn_upright(image, orientation)


def decoding_bytes(path: Path, max_pixels: int) -> int:
    """Return how much memory decoding a file takes at most, about; its header alone is read.

    0 for a file that ``decode`` refuses by its header. DataError where the header is damaged.
    """
    num_bytes = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEAD)
        kind = kind_of(head)
        if kind is None:
            return 0
        stream.seek(0)
        try:
            reader = _heif_reader() if kind == "HEIF" else _READERS[kind]
            with reader(stream) as image:
                num = image.width * image.height
                is_progressive = "progressive" in image.info
                bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
        except GeoretError:
            return 0
        except Exception as error:  # Pillow's readers raise a dozen unrelated types
            raise _damaged(kind, path, error) from None
    if num > max_pixels or num > max(WHOLE_PIXELS, _most_pixels(num_bytes, head, kind)):
        return 0
    kept = num
    while kept > WHOLE_PIXELS and kept * 4**_MOST_HALVINGS > num:
        kept //= 4
    # What is kept, in RGB, is turned upright in a copy.
    small = num_bytes + 2 * 3 * kept
    if kind == "JPEG":
        # Of a progressive one, all coefficients are kept as words until the end.
        return small + (2 * 3 * num if is_progressive else 0)
    is_deep = head[24] == _MOST_BITS if kind == "PNG" else max(bits) > 8
    return small + num * _MOST_CHANNELS * (2 if is_deep else 1)


def open_by_pillow(data: bytes, kind: str, path: Path) -> ImageFile.ImageFile:
    """Return an encoded image as Pillow opens it, its pixels not decoded.

    The plugin's class, not ``Image.open``: that warns of big images in its own way and order.
    DataError for what is damaged or needs an extra.
    """
    try:
        if kind == "HEIF":
            return _heif_reader()(BytesIO(data))
        return _READERS[kind](BytesIO(data))
    except GeoretError as error:
        raise DataError(error.what, where=str(path), hint=error.hint) from None
    except Exception as error:  # Pillow's readers raise a dozen unrelated types
        raise _damaged(kind, path, error) from None


def _heif_reader() -> Callable[[IO[bytes]], ImageFile.ImageFile]:
    module: Any = need("pi_heif.as_plugin", extra="heif", what="reading HEIC images")
    reader: Callable[[IO[bytes]], ImageFile.ImageFile] = module.HeifImageFile
    return reader


def _checked_size(data: bytes, kind: str, path: Path, max_pixels: int) -> tuple[int, int]:
    """Return height and width; DataError for raw files, and for more pixels than are allowed."""
    if kind == "TIFF":
        tags = exif_of(data, kind)
        role = tags.get(_NEW_SUBFILE_TYPE, 0)
        is_thumbnail = isinstance(role, int) and role & _REDUCED
        if _DNG_VERSION in tags or is_thumbnail or path.suffix.lower() in RAW_SUFFIXES:
            raise raw_refusal(path)
        _check_samples(tags, path)
    try:
        if kind != "JPEG":
            raise ValueError(_NOT_TOLD)
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        if not any(words in str(error) for words in _HARMLESS):
            raise _damaged("JPEG", path, error) from None
        with open_by_pillow(data, kind, path) as header:
            width, height = header.size
    if height * width > max_pixels:
        raise DataError(
            f"{width} x {height} = {height * width:,} pixels, the cap is {max_pixels:,}",
            where=str(path),
            hint="make it smaller, or raise the cap if the file can be trusted: --max-pixels, "
            "data.max_pixels when training, max_pixels in Python",
        )
    if height * width > max(WHOLE_PIXELS, _most_pixels(len(data), data, kind)):
        raise DataError(
            f"a decompression bomb or truncated: {width} x {height} = {height * width:,} pixels "
            f"in {len(data):,} bytes",
            where=str(path),
            hint=_FETCH_AGAIN,
        )
    return height, width


def _most_pixels(num_bytes: int, head: bytes, kind: str) -> int:
    """Return how many pixels so many bytes, which begin with ``head``, can hold at most."""
    most = _PIXELS_A_BYTE * num_bytes
    if kind == "PNG":
        # Bit depth and colour type stand behind width and height.
        bits = head[24] * _PNG_CHANNELS.get(head[25], 1)
        most = 8 * most // max(1, bits)
    return most


def _check_samples(tags: Image.Exif, path: Path) -> None:
    """Refuse a TIFF of floats, signed or long integers: nothing says which of them is white."""
    for tag, known in ((_SAMPLE_FORMAT, _UNSIGNED), (_BITS_PER_SAMPLE, _MOST_BITS)):
        values = tags.get(tag, known)
        for value in values if isinstance(values, tuple) else (values,):
            if not (isinstance(value, int) and value <= known):
                raise _too_deep("TIFF", path, _samples_in_words(tags))


def _samples_in_words(tags: Image.Exif) -> str:
    """Return what a TIFF's samples are: ``64-bit float samples``."""
    bits, kind = (
        value[0] if isinstance(value, tuple) and value else value
        for value in (tags.get(_BITS_PER_SAMPLE, 1), tags.get(_SAMPLE_FORMAT, _UNSIGNED))
    )
    name = _SAMPLE_KINDS.get(kind, f"unknown (SampleFormat {kind})")
    return f"{bits}-bit {name} samples"


def _damaged(kind: str, path: Path, reason: object) -> DataError:
    what = f"the {kind} is truncated or damaged: {reason}"
    return DataError(what, where=str(path), hint=_FETCH_AGAIN)


def _decode_jpeg(data: bytes, path: Path, least: tuple[int, int] | None, halvings: int) -> Pixels:
    orientation = orientation_of(data, "JPEG")
    try:
        height = width = 0  # the whole image
        if least:
            # Orientations from 5 on swap height and width: the stored size has them the other way.
            height, width = least if orientation < 5 else least[::-1]
        elif halvings:
            full = simplejpeg.decode_jpeg_header(data)[:2]
            height, width = (-(-length // 2**halvings) for length in full)
        image = simplejpeg.decode_jpeg(data, min_height=height, min_width=width, strict=True)
    except ValueError as error:
        if not any(words in str(error) for words in _HARMLESS):
            raise _damaged("JPEG", path, error) from None
        image, _ = _by_pillow(data, path, "JPEG", halvings)
    return turn_upright(image, orientation)


def _by_opencv(data: bytes, kind: str, path: Path, halvings: int) -> Pixels | None:
    """Return uint8[H, W, 3], or None for what OpenCV doesn't decode."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _COLOUR)
    except cv2.error:
        return None
    if image is None:
        return None
    if image.dtype not in (np.uint8, np.uint16):
        raise _too_deep(kind, path, f"{image.dtype} samples")
    # Halved first: each step after it would copy the whole image.
    excess = _excess_bits(image)
    image = cv2.cvtColor(halved(image, halvings) if halvings else image, cv2.COLOR_BGR2RGB)
    return np.asarray(np.right_shift(image, excess) if excess else image, dtype=np.uint8)


def _excess_bits(image: Any) -> int:
    """Return by how many the bits that uint8 or uint16[...] samples use are more than 8."""
    return 0 if image.dtype == np.uint8 else max(0, int(image.max()).bit_length() - 8)


def _too_deep(kind: str, path: Path, samples: str) -> DataError:
    return DataError(
        f"the {kind} has {samples}, which don't fit into 8 bits",
        where=str(path),
        hint="scale it to 8 bits a channel first",
    )


def _by_pillow(data: bytes, path: Path, kind: str, halvings: int = 0) -> tuple[Pixels, int]:
    """Decode what the faster decoders don't, or at least say why not; return the orientation too.

    Of all kinds only JPEGs heed ``halvings``.
    """
    try:
        with open_by_pillow(data, kind, path) as image:
            if halvings:
                image.draft(None, (image.width // 2**halvings, image.height // 2**halvings))
            orientation = orientation_in(image.getexif()) if kind == "AVIF" else 1
            mode = image.mode
            if mode.startswith("I;16"):
                deep = np.asarray(image)
                grey = np.asarray(deep >> _excess_bits(deep), dtype=np.uint8)
                return np.stack([grey] * 3, axis=-1), 1
            pixels = np.array(image.convert("RGB"))
    except DataError:
        raise
    except Exception as error:  # Pillow's readers raise a dozen unrelated types
        raise _damaged(kind, path, error) from None
    if mode not in _PLAIN_MODES:
        raise _too_deep(kind, path, f"samples of Pillow's mode {mode!r}")
    return pixels, orientation

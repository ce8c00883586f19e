"""Pillow's resampling of images, bit for bit, compiled.

Rows are made narrow first, then their number is changed, both in integers of 22 binary places, with
uint8 in between; Pillow before 13 always does it in this order, later ones choose by the shape,
which changes some values by 1. Pillow computes pixel by pixel; here a pass adds up whole rows of
bytes, which a processor does many at once. For the first pass a strip of the image is transposed,
small enough for the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeVar

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from georet.types import Ints, Pixels

Weights = NDArray[np.int32]
Filter = Literal["triangle", "box"]
"""Pillow's BILINEAR and BOX."""

_PLACES: Final = 22
_ONE: Final = 1 << _PLACES
_HALF: Final = 1 << (_PLACES - 1)
_REACH: Final[dict[Filter, float]] = {"triangle": 1.0, "box": 0.5}
_STRIP_BYTES: Final = 1 << 18
_LEAST_ROWS: Final = 16
_TYPES: Final = "void(uint8[:, ::1], int64[::1], int64[::1], int32[:, ::1], uint8[:, ::1])"
_F = TypeVar("_F", bound=Callable[..., Any])
# Types are given, so that importing compiles, or loads what was compiled: before workers fork.
_compiled: Callable[[_F], _F] = njit(_TYPES, cache=True, nogil=True)


class Taps(NamedTuple):
    """What each place of a line is made of: the first place of the source, how many, and weights.

    int64[m], int64[m] and int32[m, K]; the weights of a place sum to about 2 ** 22.
    """

    first: Ints
    number: Ints
    weights: Weights


def resample(image: Pixels, size: tuple[int, int], how: Filter) -> Pixels:
    """Return uint8[H, W, 3] brought to ``size`` (height, width); shrinking widens the filter."""
    height, width = size
    narrow = _across(np.ascontiguousarray(image), width, how)
    if height == len(image):
        return narrow
    out = np.empty((height, width, 3), np.uint8)
    _sum_rows(
        narrow.reshape(len(narrow), -1),
        *taps(len(narrow), height, how),
        out.reshape(height, -1),
    )
    return out


@lru_cache(maxsize=256)
def taps(num_in: int, num_out: int, how: Filter) -> Taps:
    """Return the weights by which a line of ``num_in`` becomes one of ``num_out``."""
    scale = num_in / num_out
    widened = max(scale, 1.0)
    reach = _REACH[how] * widened
    centres = (np.arange(num_out) + 0.5) * scale
    first = np.maximum(0, (centres - reach + 0.5).astype(np.int64))
    count = np.minimum(num_in, (centres + reach + 0.5).astype(np.int64)) - first
    places = np.arange(int(np.max(count)))
    away = (places + first[:, None] - centres[:, None] + 0.5) * (1.0 / widened)
    if how == "triangle":
        weights = np.maximum(0.0, 1.0 - np.abs(away))
    else:
        weights = ((away > -0.5) & (away <= 0.5)).astype(np.float64)
    weights[places >= count[:, None]] = 0.0
    # One after the other, as Pillow adds them up: another order may round otherwise.
    weights /= np.cumsum(weights, axis=1)[:, -1:]
    return Taps(first, count, (0.5 + weights * _ONE).astype(np.int32))


def _across(image: Pixels, width: int, how: Filter) -> Pixels:
    height, wide, _ = image.shape
    if width == wide:
        return image
    columns = taps(wide, width, how)
    out = np.empty((height, width, 3), np.uint8)
    num_rows = max(_LEAST_ROWS, _STRIP_BYTES // (3 * wide))
    for start in range(0, height, num_rows):
        strip: Any = image[start : start + num_rows]
        turned = np.asarray(cv2.transpose(strip), np.uint8).reshape(wide, -1)
        narrow = np.empty((width, turned.shape[1]), np.uint8)
        _sum_rows(turned, *columns, narrow)
        cv2.transpose(narrow.reshape(width, len(strip), 3), dst=out[start : start + num_rows])
    return out


@_compiled
def _sum_rows(rows: Pixels, first: Ints, count: Ints, weights: Weights, out: Pixels) -> None:
    num_out, length = out.shape
    sums = np.empty(length, np.int32)
    for place in range(num_out):
        sums[:] = _HALF
        for tap in range(count[place]):
            weight, row = weights[place, tap], rows[first[place] + tap]
            for i in range(length):
                sums[i] += weight * np.int32(row[i])
        filled = out[place]
        for i in range(length):
            filled[i] = min(sums[i] >> _PLACES, 255)

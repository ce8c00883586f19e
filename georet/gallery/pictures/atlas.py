"""Decoded thumbnails in the sizes in which a map needs them, within a bound of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import cv2
import numpy as np
import simplejpeg

from georet.types import Bools, Ints, Pixels

SIDES = (4, 8, 16, 32, 64, 128)
"""Sides of the squares that thumbnails are brought to, in pixels."""
_MAX_SIDE = 2048


class Atlas:
    """Gives thumbnails as squares of one side, decoding each once while ``max_bytes`` allow."""

    def __init__(self, thumbnail: Callable[[int], bytes | None], max_bytes: int = 1 << 26) -> None:
        self._thumbnail, self._room = thumbnail, max_bytes
        self._kept: OrderedDict[tuple[int, int], Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def squares(self, rows: Ints, side: int) -> tuple[Pixels, Bools]:
        """Return uint8[M, side, side, 3] and which of the rows [M] have a picture at all."""
        squares = np.zeros((len(rows), side, side, 3), np.uint8)
        has_picture = np.zeros(len(rows), np.bool_)
        for place, row in enumerate(rows.tolist()):
            square = self._square(row, side)
            if square.size:
                squares[place], has_picture[place] = square, True
        return squares, has_picture

    def _square(self, row: int, side: int) -> Pixels:
        key = side, row
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        square = _decoded(self._thumbnail(row), side)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = square
                self._room -= square.nbytes
            while self._room < 0:
                self._room += self._kept.popitem(last=False)[1].nbytes
        return square


def side_for(wanted_px: float) -> int:
    """Return the smallest side that is at least as fine as wanted, or the largest there is."""
    return next((side for side in SIDES if side >= wanted_px), SIDES[-1])


def decode_thumbnail(jpeg: bytes, least: int = 0) -> Pixels:
    """Return the picture uint8[H, W, 3], in a lower resolution where its sides stay ``least``.

    ValueError for what is damaged, and for what is no thumbnail by its size: a gallery may come
    from anybody.
    """
    height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
    if max(height, width) > _MAX_SIDE:
        raise ValueError(f"{width} x {height} pixels are more than a thumbnail has")
    image: Pixels = simplejpeg.decode_jpeg(jpeg, min_height=least, min_width=least)
    return image


def _decoded(jpeg: bytes | None, side: int) -> Pixels:
    """Return uint8[side, side, 3]; an empty array where there is no picture or it is damaged."""
    if not jpeg:
        return np.empty((0, 0, 3), np.uint8)
    try:
        image = decode_thumbnail(jpeg, least=side)
    except ValueError:
        return np.empty((0, 0, 3), np.uint8)
    is_finer = min(image.shape[:2]) >= side
    rule = cv2.INTER_AREA if is_finer else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=rule), np.uint8)

"""Map tiles for the page, composed from the gallery's own thumbnails and kept within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

import cv2
import numpy as np

from georet.gallery.pictures.mosaic import EXTENT_M, Bounds, Mosaic, Pictured

SIDE: Final = 256
MAX_ZOOM: Final = 22
_MAX_BYTES: Final = 48 << 20
_THUMBNAIL_PX: Final = 96


class Basemap:
    """Renders tiles as PNG; safe to use from several threads."""

    def __init__(self, gallery: Pictured, *, max_bytes: int = _MAX_BYTES) -> None:
        self._mosaic = Mosaic(gallery)
        self._kept: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()
        self._room = max_bytes
        self._lock = threading.Lock()
        side_m = float(gallery.tiles.side_m.min(initial=np.inf))
        # The first zoom whose pixels are no larger than those of the smallest thumbnails.
        self.max_zoom = 0
        if np.isfinite(side_m) and side_m > 0:
            zoom = np.ceil(np.log2(2 * EXTENT_M / SIDE * _THUMBNAIL_PX / side_m))
            self.max_zoom = int(np.clip(zoom, 0, MAX_ZOOM))

    def png(self, zoom: int, x: int, y: int) -> bytes | None:
        """Return the picture of a tile, or None where there is no such tile."""
        if not (0 <= zoom <= self.max_zoom and 0 <= x < 2**zoom and 0 <= y < 2**zoom):
            return None
        key = zoom, x, y
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        bounds_m = tile_bounds_m(zoom, x, y)
        pixels = self._mosaic.render(bounds_m, (SIDE, SIDE))
        bgra = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA)
        content = cv2.imencode(".png", bgra, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = content
                self._room -= len(content)
            while self._room < 0:
                self._room += len(self._kept.popitem(last=False)[1])
        return content


def tile_bounds_m(zoom: int, x: int, y: int) -> Bounds:
    """Return west, south, east, north of a tile in EPSG:3857 metres; y counts from the north."""
    side_m = 2 * EXTENT_M / 2**zoom
    west, north = x * side_m - EXTENT_M, EXTENT_M - y * side_m
    return west, north - side_m, west + side_m, north

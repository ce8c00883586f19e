"""The bytes of single images: what fills the folders of generated tiles, photos and depths."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import simplejpeg

from georet.types import Doubles, Ints, Pixels
from georet_cityblocks.building import City, make_city
from georet_cityblocks.cameras import depth, overhead, panorama
from georet_cityblocks.lights import photo_light, photo_sensor, tile_light, tile_sensor
from georet_orbitview.cache import Maker

Rng = Callable[[int], np.random.Generator]
"""(row) -> the generator of one image, so that neither order nor number of workers matters."""
_PHOTO_QUALITY, _TILE_QUALITY = 88, 92
CM: Final = 100


@lru_cache(maxsize=1)
def built(num_side: int, seed: int, city: int) -> City:
    """Return a city; the last one is kept, as tiles and photos are made one after the other."""
    return make_city(num_side, seed, city)


def tile_maker(
    city: City, side_m: float, px: int, flight: np.random.Generator, rng_of: Rng
) -> Maker:
    """Return what makes the tile of a place; ``flight`` draws what all tiles have in common."""
    light, tint = tile_light(flight), flight.uniform(0.9, 1.1, 3)

    def make(row: int) -> bytes:
        seen = overhead(city.scene, city.places.xy_m[row], side_m, light, px)
        return _encoded(tile_sensor(seen, tint, rng_of(row)), _TILE_QUALITY)

    return make


def photo_maker(city: City, eyes: Doubles, heading_rad: Doubles, px: int, rng_of: Rng) -> Maker:
    """Return what makes the photo from row ``row`` of ``eyes`` float64[N, 3]."""

    def make(row: int) -> bytes:
        rng = rng_of(row)
        light = photo_light(rng)
        seen = panorama(city.scene, eyes[row], float(heading_rad[row]), light, px)
        return _encoded(photo_sensor(seen, rng), _PHOTO_QUALITY)

    return make


def depth_maker(city: City, eyes: Doubles, heading_rad: Doubles, px: int) -> Maker:
    """Return what makes the depth of a photo: PNG, uint16 centimetres, 0 where there is sky."""

    def make(row: int) -> bytes:
        metres = depth(city.scene, eyes[row], float(heading_rad[row]), px)
        cm = np.where(np.isfinite(metres), np.round(metres * CM), 0).astype(np.uint16)
        content: bytes = cv2.imencode(".png", cm)[1].tobytes()
        return content

    return make


def field_maker(paths: list[Path], shift: Ints, degrees: int) -> Maker:
    """Return what turns a photo by ``shift`` columns and blackens all beyond a field of view."""

    def make(row: int) -> bytes:
        image = simplejpeg.decode_jpeg(paths[row].read_bytes())
        turned = np.roll(image, -shift[row], axis=1)
        width = turned.shape[1]
        dark = (width - round(width * degrees / 360)) // 2
        turned[:, :dark] = 0
        turned[:, width - dark :] = 0
        return _encoded(turned, _PHOTO_QUALITY)

    return make


def _encoded(image: Pixels, quality: int) -> bytes:
    whole = np.ascontiguousarray(image)
    content: bytes = simplejpeg.encode_jpeg(whole, quality=quality, colorsubsampling="420")
    return content

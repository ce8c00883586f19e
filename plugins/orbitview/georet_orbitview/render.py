"""Turns maps of the Earth into tiles and photos."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from georet.types import Doubles, Pixels
from georet_orbitview.camera import Ground, Views, photo_ground, tile_ground
from georet_orbitview.weather import photographed

Value = TypeVar("Value", np.uint8, np.float32)

_OVERSAMPLE: Final = 2
"""Rays per pixel and axis; at most photos' far edges and high latitudes need them."""


def render_tile(texture: Pixels, latlon: Doubles, px: int) -> Pixels:
    """Return the north-up tile uint8[px, px, 3] centred at ``latlon`` float64[2]."""
    ground = tile_ground(float(np.radians(latlon[0])), _OVERSAMPLE * px)
    return _reduced(ground_colours(texture, ground, float(latlon[1])), px)


def render_photo(
    texture: Pixels, views: Views, row: int, px: int, rng: np.random.Generator
) -> Pixels:
    """Return photo ``row`` of the views, uint8[px, px, 3], with weather and camera drawn by rng."""
    ground = photo_ground(views, row, _OVERSAMPLE * px)
    colours = ground_colours(texture, ground, float(views.target_latlon[row, 1]))
    return photographed(_reduced(colours, px), _reduced(ground.cos_incidence, px), rng)


def ground_colours(texture: Pixels, ground: Ground, lon: float) -> Pixels:
    """Return the map's colours at the ground's pixels; ``lon`` in degrees is its longitude 0.

    The map is uint8[H, 2H, 3], north up, from 180 W; it is joined to itself at the date line.
    """
    height, width = texture.shape[:2]
    x = ground.lon_rad * (width / (2 * np.pi)) + ((lon + 180) / 360 * width - 0.5)
    y = ground.lat_rad * (-height / np.pi) + (height / 2 - 0.5)
    left, right = int(np.floor(x.min())), int(np.floor(x.max())) + 2
    top, bottom = max(int(np.floor(y.min())), 0), min(int(np.floor(y.max())) + 2, height)
    patch = texture[top:bottom].take(np.arange(left, right) % width, axis=1)
    colours: NDArray[Any] = cv2.remap(
        patch, x - left, y - top, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return colours


def _reduced(image: NDArray[Value], px: int) -> NDArray[Value]:
    reduced: NDArray[Any] = cv2.resize(image, (px, px), interpolation=cv2.INTER_AREA)
    return reduced

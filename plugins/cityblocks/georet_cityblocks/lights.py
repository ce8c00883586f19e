"""What photos and tiles are taken with: sun, season, haze, and the sensors behind them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from georet.types import Doubles, Floats, Pixels
from georet_cityblocks.shading import Light

_AUTUMN: Final = np.array(
    [[.46, .42, .30], [.25, .25, .26], [.50, .48, .46], [.82, .81, .76], [.43, .42, .22],
     [.56, .50, .45], [.40, .32, .24], [.19, .19, .20], [.55, .52, .47], [.22, .29, .33]]
)  # fmt: skip
_SUMMER: Final = np.array(
    [[.36, .43, .24], [.37, .37, .39], [.58, .58, .56], [.92, .92, .92], [.25, .40, .17],
     [.62, .60, .56], [.50, .43, .33], [.30, .30, .32], [.60, .58, .54], [.13, .24, .28]]
)  # fmt: skip
"""Colours of the ground's materials, in their order."""


def _towards(azimuth_rad: float, elevation_rad: float) -> Doubles:
    flat = np.cos(elevation_rad)
    return np.array([np.sin(azimuth_rad) * flat, np.cos(azimuth_rad) * flat, np.sin(elevation_rad)])


def photo_light(rng: np.random.Generator) -> Light:
    """Return the light of one panorama: autumn, any hour, clear or overcast."""
    overcast = rng.random() < 0.35
    grey, blue = np.array([0.72, 0.74, 0.77]), np.array([0.32, 0.5, 0.8])
    horizon = np.array([0.78, 0.83, 0.88]) * rng.uniform(0.85, 1.05)
    leaf = np.array([[0.52, 0.36, 0.12], [0.30, 0.36, 0.14]])
    return Light(
        _towards(rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.0)),
        0.12 if overcast else rng.uniform(0.5, 0.75),
        0.85 if overcast else rng.uniform(0.45, 0.6),
        np.clip(_AUTUMN * rng.uniform(0.9, 1.1), 0, 1),
        np.clip(leaf * rng.uniform(0.8, 1.2), 0, 1),
        horizon,
        grey if overcast else blue * rng.uniform(0.8, 1.15),
        0.8 if overcast else rng.uniform(0.1, 0.5),
        float(rng.uniform(150, 500)),
        int(rng.integers(1, 10**6)),
    )


def tile_light(rng: np.random.Generator) -> Light:
    """Return the light of a city's overhead imagery: a summer's day, one flight."""
    leaf = np.array([[0.14, 0.3, 0.11], [0.26, 0.36, 0.15]])
    black = np.zeros(3)
    return Light(
        _towards(np.pi + rng.uniform(-0.9, 0.9), rng.uniform(0.75, 1.05)),
        0.62, 0.5, np.clip(_SUMMER * rng.uniform(0.85, 1.1, 3), 0, 1), leaf, black, black,
        0.0, 1e9, 0,
    )  # fmt: skip


def photo_sensor(image: Floats, rng: np.random.Generator) -> Pixels:
    """Return uint8[H, W, 3] of a photo's linear colours: exposure, white balance, noise."""
    gain = rng.uniform(0.85, 1.2) * (1 + rng.normal(0, 0.05, 3))
    seen = np.clip(image * gain, 0, 1) ** rng.uniform(0.8, 1.0)
    return _rounded(seen + rng.normal(0, rng.uniform(0.004, 0.02), image.shape))


def tile_sensor(image: Floats, tint: Doubles, rng: np.random.Generator) -> Pixels:
    """Return uint8[S, S, 3] of a tile's linear colours: the flight's tint, soft optics, noise."""
    soft = cv2.GaussianBlur(image, (0, 0), 0.6)
    seen = np.clip(0.04 + 0.96 * soft * tint, 0, 1) ** 0.9
    return _rounded(seen + rng.normal(0, 0.012, image.shape))


def _rounded(image: Doubles) -> Pixels:
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)

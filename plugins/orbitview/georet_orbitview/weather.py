"""What lies between the ground and a photo: clouds, haze, the camera's exposure and its noise."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from georet.types import Floats, Pixels

_CLOUDY: Final = 0.5
_HAZE: Final = np.array([0.58, 0.68, 0.82], np.float32)
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
_OCTAVES: Final = (3, 6, 12, 24)


def photographed(ground: Pixels, cos_incidence: Floats, rng: np.random.Generator) -> Pixels:
    """Return uint8[px, px, 3], the ground uint8[px, px, 3] as a camera in orbit sees it.

    ``cos_incidence`` float32[px, px] says how obliquely: the light crosses 1 / cos air masses.
    """
    image: Floats = ground.astype(np.float32) / np.float32(255)
    # The brightness of the scene's bright ground, against which light is set.
    white = float(np.clip(np.percentile(image @ _LUMA, 90), 0.25, 0.9))
    if rng.random() < _CLOUDY:
        threshold, brightness = rng.uniform(0.55, 0.8), rng.uniform(1.1, 1.5)
        cover = np.clip((_cloud_field(len(image), rng) - threshold) * 5, 0, 0.95)[..., None]
        image = image + cover * (min(1.0, white * brightness) - image)
    depth = rng.uniform(0.04, 0.2)
    clear = np.exp(-depth / np.maximum(cos_incidence, 0.1))[..., None]
    image = image * clear + (1 - clear) * _HAZE * white
    return _developed(image, rng)


def _cloud_field(px: int, rng: np.random.Generator) -> Floats:
    """Return smooth noise float32[px, px] in 0..1, coarse shapes with finer ones on them."""
    field = np.zeros((px, px), np.float32)
    for cells in _OCTAVES:
        octave = rng.standard_normal((cells, cells), dtype=np.float32)
        smooth = cv2.resize(octave, (px, px), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        field += smooth / np.float32(cells**0.8)
    spread: Floats = (field - field.min()) / np.float32(max(float(np.ptp(field)), 1e-6))
    return spread


def _developed(image: Floats, rng: np.random.Generator) -> Pixels:
    """Expose, tint a little between warm and cool, apply the tone curve and the sensor's noise."""
    bright = float(np.percentile(image @ _LUMA, 95))
    gain = float(np.clip(rng.uniform(0.6, 0.9) / max(bright, 1e-3), 0.8, 2.0))
    warmth, green = rng.uniform(-0.06, 0.06), rng.uniform(-0.015, 0.015)
    tint = np.array([1 + warmth, 1 + green, 1 - warmth], np.float32)
    grey = (image @ _LUMA)[..., None]
    muted = grey + np.float32(rng.uniform(0.65, 0.95)) * (image - grey)
    toned = _shouldered(muted * (gain * tint)) ** np.float32(rng.uniform(0.85, 1.15))
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(
        rng.uniform(0.004, 0.016)
    )
    return (np.clip(toned + noise, 0, 1) * 255 + 0.5).astype(np.uint8)


def _shouldered(image: Floats) -> Floats:
    """Bend values above 0.6 smoothly towards 1, as film and sensors' tone curves do."""
    over = np.maximum(image - 0.6, 0)
    bent: Floats = np.maximum(np.minimum(image, 0.6) + 0.4 * (1 - np.exp(-over / 0.4)), 0)
    return bent

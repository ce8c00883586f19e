"""What light, season, air and camera make of a picture; RGB in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from georet.types import Floats, Pixels

Look = Literal["none", "weak", "strong"]
STRENGTH: Final[dict[str, float]] = {"none": 0.0, "weak": 0.3, "strong": 1.0}
_HAZE: Final = np.array([0.74, 0.78, 0.82], np.float32)
_JPEG: Final = {"weak": (75, 93), "strong": (35, 80)}
_PLAIN_JPEG: Final = 95


@dataclass(frozen=True)
class Exposed:
    """A picture as the camera stores it: a JPEG, and the pixels it decodes to."""

    content: bytes
    pixels: Pixels


def look_at(image: Pixels, look: Look, rng: np.random.Generator, *, px_m: float) -> Exposed:
    """Return uint8[H, W, 3] as seen on another day, by another camera, stored as a JPEG.

    In order: shadows of another hour, season, a sensor of one band, saturation, gamma, contrast,
    colour cast, uneven light, something in the way, haze, blur, noise, JPEG. ``weak`` has three
    tenths of ``strong``, and neither shadows, season, another sensor nor anything in the way.
    ``px_m`` metres a pixel say how far shadows reach.
    """
    if look == "none":
        return _stored(image, _PLAIN_JPEG)
    strength = STRENGTH[look]
    x: Floats = image.astype(np.float32) / np.float32(255)
    if look == "strong":
        if rng.random() < 0.7:
            x = _other_shadows(x, rng, reach_px=min(4.0 / px_m, 0.08 * image.shape[1]))
        x = _other_season(x, rng)
        if rng.random() < 0.25:
            x = _other_sensor(x, rng)
    x = _light(x, rng, strength)
    if look == "strong" and rng.random() < 0.15:
        _cover(x, rng)
    x = _air_and_sensor(x, rng, strength)
    low, high = _JPEG[look]
    return _stored(
        np.asarray(np.clip(x * 255 + 0.5, 0, 255), np.uint8), int(rng.integers(low, high))
    )


def _stored(image: Pixels, quality: int) -> Exposed:
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)[1].tobytes()
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return Exposed(content, np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8))


def _other_shadows(x: Floats, rng: np.random.Generator, *, reach_px: float) -> Floats:
    """Lift what is dark, and darken where its shadow would fall at another hour."""
    grey = x.mean(axis=2)
    dark = (grey < np.percentile(grey, 18)).astype(np.float32)
    dark = cv2.GaussianBlur(dark, (0, 0), max(0.7, reach_px / 12))
    angle = rng.uniform(-np.pi, np.pi)
    shift = np.array([[1, 0, reach_px * np.cos(angle)], [0, 1, reach_px * np.sin(angle)]])
    size = (x.shape[1], x.shape[0])
    moved = cv2.warpAffine(dark, shift, size, borderMode=cv2.BORDER_REFLECT)
    lit = x * (1 + 1.6 * dark[..., None]) * (1 - 0.65 * moved[..., None])
    return np.asarray(np.clip(lit, 0, 1), np.float32)


def _other_season(x: Floats, rng: np.random.Generator) -> Floats:
    """Turn the hue of what is green, and pale it."""
    hsv = cv2.cvtColor(x, cv2.COLOR_RGB2HSV)
    hue, saturation = hsv[..., 0], hsv[..., 1]
    green = np.exp(-(((hue - 90) / 45) ** 2)) * np.clip(3 * saturation, 0, 1)
    hsv[..., 0] = (hue + rng.uniform(-60, 25) * green) % 360
    hsv[..., 1] = saturation * (1 - rng.uniform(0, 0.7) * green)
    hsv[..., 2] = np.clip(hsv[..., 2] * (1 + rng.uniform(-0.3, 0.6) * green), 0, 1)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)


def _other_sensor(x: Floats, rng: np.random.Generator) -> Floats:
    """See one band: any mixture of red, green and blue as grey."""
    grey = x @ rng.dirichlet([1.0, 1.0, 1.0]).astype(np.float32)
    return np.repeat(grey[..., None], 3, axis=2)


def _light(x: Floats, rng: np.random.Generator, strength: float) -> Floats:
    def about(reach: float) -> float:
        return float(rng.uniform(-reach, reach) * strength)

    grey = x.mean(axis=2, keepdims=True)
    x = grey + (x - grey) * (1 + about(0.6))
    x = np.clip(x, 0, 1) ** np.float32(np.exp(about(0.6)))
    mean = x.mean()
    x = mean + (x - mean) * np.float32(np.exp(about(0.5)))
    cast = np.array([1 + about(0.2), 1 + about(0.1), 1 + about(0.2)], np.float32)
    x = x * cast * np.float32(1 + about(0.25))
    field = rng.standard_normal((4, 4)).astype(np.float32)
    smooth = cv2.resize(field, (x.shape[1], x.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(x * (1 + 0.2 * strength * smooth[..., None]), np.float32)


def _cover(x: Floats, rng: np.random.Generator) -> None:
    """Put something plain and soft in front of a part of the picture: a cloud, a strut."""
    height, width = x.shape[:2]
    mask: Floats = np.zeros((height, width), np.float32)
    centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
    axes = (int(rng.uniform(0.1, 0.25) * width), int(rng.uniform(0.1, 0.25) * height))
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.03 * width), np.float32)[..., None]
    x *= 1 - 0.9 * soft
    x += 0.9 * soft * np.float32(rng.uniform(0.2, 0.95))


def _air_and_sensor(x: Floats, rng: np.random.Generator, strength: float) -> Floats:
    haze = np.float32(rng.uniform(0, 0.35) * strength)
    x = x * (1 - haze) + haze * _HAZE
    sigma = rng.uniform(0, 1.6) * strength
    if sigma > 0.3:
        x = np.asarray(cv2.GaussianBlur(x, (0, 0), sigma), np.float32)
    noise = rng.standard_normal(x.shape, dtype=np.float32)
    return np.asarray(x + noise * np.float32(rng.uniform(0.005, 0.035) * strength), np.float32)

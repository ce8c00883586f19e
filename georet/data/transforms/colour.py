"""Random changes of brightness, contrast, saturation and hue."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from georet.data.transforms.checks import check_between
from georet.types import Doubles, Pixels

LUMA: Final[Doubles] = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in a grey level (ITU-R BT.601)."""

_NO_CHANGE: Final[Doubles] = np.eye(3, 4)


class ColourJitter:
    """Changes brightness, contrast, saturation and hue in random order, with probability ``p``.

    The first three are multiplied by a factor from 1 - x .. 1 + x; hue moves by -hue .. hue of
    the full circle. Defaults: Sample4Geo's.
    """

    joint: bool = False

    def __init__(
        self,
        *,
        brightness: float = 0.15,
        contrast: float = 0.15,
        saturation: float = 0.15,
        hue: float = 0.15,
        p: float = 0.5,
    ) -> None:
        self.brightness = check_between(self, "brightness", brightness, 0, 1)
        self.contrast = check_between(self, "contrast", contrast, 0, 1)
        self.saturation = check_between(self, "saturation", saturation, 0, 1)
        self.hue = check_between(self, "hue", hue, 0, 0.5)
        self.p = check_between(self, "p", p, 0, 1)

    def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Return uint8[H, W, 3]."""
        if rng.random() >= self.p:
            return image
        brightness, contrast, saturation, hue = rng.uniform(-1.0, 1.0, 4)
        order = rng.permutation(4).tolist()
        # All but hue are affine in RGB: each run of them is one pass over the pixels.
        affine, mean = _NO_CHANGE, np.array(cv2.mean(image)[:3])
        for step in order:
            if step == 0:
                affine = affine * (1 + self.brightness * brightness)
            elif step == 1:
                affine = change_contrast(affine, mean, 1 + self.contrast * contrast)
            elif step == 2:
                affine = change_saturation(affine, 1 + self.saturation * saturation)
            else:
                image = shift_hue(apply_affine(image, affine), self.hue * hue)
                affine, mean = _NO_CHANGE, np.array(cv2.mean(image)[:3])
        return apply_affine(image, affine)


def change_contrast(affine: Doubles, mean: Doubles, factor: float) -> Doubles:
    """Return float64[3, 4]: ``affine``, then moved from the mean grey level by ``factor``.

    ``mean`` float64[3] is the mean colour before ``affine``.
    """
    grey = LUMA @ (affine[:, :3] @ mean + affine[:, 3])
    changed = affine * factor
    changed[:, 3] += grey * (1 - factor)
    return changed


def change_saturation(affine: Doubles, factor: float) -> Doubles:
    """Return float64[3, 4]: ``affine``, then moved from each pixel's grey level by ``factor``."""
    return np.asarray((factor * np.eye(3) + (1 - factor) * LUMA) @ affine)


def apply_affine(image: Pixels, affine: Doubles) -> Pixels:
    """Return uint8[H, W, 3] with ``affine`` float64[3, 4] applied to each colour, and clipped."""
    if affine is _NO_CHANGE:
        return image
    return np.asarray(cv2.transform(image, affine), dtype=np.uint8)


def shift_hue(image: Pixels, turn: float) -> Pixels:
    """Return uint8[H, W, 3] with hues moved by ``turn`` of the full circle, in 256 steps."""
    steps = round(256 * turn) % 256
    if not steps:
        return image
    hsv = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL), dtype=np.uint8)
    # The full circle is 256 steps here, so uint8 goes round by itself.
    rows = hsv.reshape(len(hsv), -1)
    np.add(rows, np.tile(np.array([steps, 0, 0], dtype=np.uint8), image.shape[1]), out=rows)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), dtype=np.uint8)

"""The curriculum of SinGeo: transforms that do more as the run goes on."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from georet.contracts.transforming import TransformContext
from georet.data.transforms import RotateTile
from georet.data.transforms.field_of_view import columns
from georet.types import Pixels

Share = Annotated[float, Field(ge=0, le=1)]
Degrees = Annotated[float, Field(ge=1, le=360)]


def eased(first: float, last: float, progress: float, bend: float = 0.0) -> float:
    """Return first + (last - first) f(progress), f from 0 to 1.

    f is even for ``bend`` 0, else (1 - exp(-b x)) / (1 - exp(-b)): above 0 fast at first, below 0
    fast at last. SinGeo, arXiv 2603.09377, whose three courses these are.
    """
    if bend:
        progress = math.expm1(-bend * progress) / math.expm1(-bend)
    return first + (last - first) * progress


class TurnMoreOften:
    """Turns a square image by 1 to 3 quarters, with a probability from ``first`` to ``last``.

    It follows the progress of the run; see ``eased`` for ``bend``. Reports ``quarters``: how many,
    counter-clockwise.
    """

    joint: bool = False

    def __init__(self, *, first: Share = 0.25, last: Share = 1.0, bend: float = 0.0) -> None:
        self.first, self.last, self.bend = first, last, bend

    def __call__(
        self, image: Pixels, rng: np.random.Generator, context: TransformContext
    ) -> Pixels:
        """Return uint8[H, H, 3]; ConfigError if the image is not square."""
        p = eased(self.first, self.last, context.progress, self.bend)
        return RotateTile(p=p)(image, rng, context)


class NarrowField:
    """Turns a panorama by chance and leaves a field of it, from ``first`` to ``last`` degrees.

    The field stands at the left, the rest is black, so that the width stays: for transformers,
    whose images have one size. Networks that take any size need less work with ``field_of_view``
    and ``data.size_schedule``. It follows the progress of the run; see ``eased`` for ``bend``.
    Reports ``fov_rad``, the field, and ``turn_rad``, how far right its left edge lies (0..2 pi).
    """

    joint: bool = False

    def __init__(self, *, first: Degrees = 360.0, last: Degrees = 70.0, bend: float = 0.0) -> None:
        self.first, self.last, self.bend = first, last, bend

    def __call__(
        self, image: Pixels, rng: np.random.Generator, context: TransformContext
    ) -> Pixels:
        """Return uint8[H, W, 3]."""
        degrees = eased(self.first, self.last, context.progress, self.bend)
        width = image.shape[1]
        left, num = int(rng.random() * width), columns(width, degrees)
        context.report("fov_rad", math.radians(degrees))
        context.report("turn_rad", 2 * math.pi * left / width)
        shown = np.roll(image, -left, axis=1)
        shown[:, num:] = 0
        return shown

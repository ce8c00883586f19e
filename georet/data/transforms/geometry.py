"""Transforms that mirror, turn and roll; where views belong together they move together."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from georet.contracts.transforming import TransformContext
from georet.data.transforms.checks import check_between, report
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE, Pixels

_COUNTER_CLOCKWISE: Final = {
    1: cv2.ROTATE_90_COUNTERCLOCKWISE,
    2: cv2.ROTATE_180,
    3: cv2.ROTATE_90_CLOCKWISE,
}


class Flip:
    """Mirrors all views of a pair left to right, together, with probability ``p``.

    Reports ``flip``: 1 where it did, else 0.
    """

    joint: bool = True

    def __init__(self, *, p: float = 0.5) -> None:
        self.p = check_between(self, "p", p, 0, 1)

    def __call__(
        self,
        images: dict[str, Pixels],
        rng: np.random.Generator,
        context: TransformContext | None = None,
    ) -> dict[str, Pixels]:
        """Return {view: uint8[H, W, 3]}, all mirrored or none."""
        is_mirrored = rng.random() < self.p
        report(context, "flip", is_mirrored)
        if not is_mirrored:
            return images
        return {view: np.asarray(cv2.flip(image, 1), np.uint8) for view, image in images.items()}


class RotateRoll:
    """Turns the tile by quarters and rolls the panorama so that both still agree.

    With probability ``p`` the ``tile`` view is turned by r quarters counter-clockwise, r drawn
    from 1..3, and the ``panorama`` view (north at a fixed column, azimuth growing clockwise to the
    right) is rolled by -r W/4 columns. Sample4Geo (Deuser et al., ICCV 2023), section 3.
    Reports ``quarters``: r, or 0.
    """

    joint: bool = True

    def __init__(self, *, p: float = 0.75, tile: str = REFERENCE, panorama: str = QUERY) -> None:
        self.p = check_between(self, "p", p, 0, 1)
        self.tile, self.panorama = tile, panorama

    def __call__(
        self,
        images: dict[str, Pixels],
        rng: np.random.Generator,
        context: TransformContext | None = None,
    ) -> dict[str, Pixels]:
        """Return {view: uint8[H, W, 3]}; raise ConfigError if a view is absent or not square."""
        for key, view in (("tile", self.tile), ("panorama", self.panorama)):
            if view not in images:
                raise ConfigError(
                    f"there is no view {view!r}",
                    where=f"RotateRoll.{key}",
                    hint=f"the views are: {', '.join(images)}",
                )
        _check_square(self, self.tile, images[self.tile])
        quarters = int(rng.integers(1, 4)) if rng.random() < self.p else 0
        report(context, "quarters", quarters)
        if not quarters:
            return images
        panorama = images[self.panorama]
        shift = round(quarters * panorama.shape[1] / 4)
        return images | {
            self.tile: _turn(images[self.tile], quarters),
            self.panorama: np.roll(panorama, -shift, axis=1),
        }


class RotateTile:
    """Turns one square image by 1 to 3 quarters with probability ``p``; other views stay.

    With the default ``p`` all four directions are equally likely. Reports ``quarters``: how many,
    counter-clockwise.
    """

    joint: bool = False

    def __init__(self, *, p: float = 0.75) -> None:
        self.p = check_between(self, "p", p, 0, 1)

    def __call__(
        self, image: Pixels, rng: np.random.Generator, context: TransformContext | None = None
    ) -> Pixels:
        """Return uint8[H, H, 3]; raise ConfigError if the image is not square."""
        _check_square(self, "tile", image)
        quarters = int(rng.integers(1, 4)) if rng.random() < self.p else 0
        report(context, "quarters", quarters)
        return _turn(image, quarters) if quarters else image


def _turn(image: Pixels, quarters: int) -> Pixels:
    """Return the image turned counter-clockwise, as ``numpy.rot90`` does, only faster."""
    return np.asarray(cv2.rotate(image, _COUNTER_CLOCKWISE[quarters]), dtype=np.uint8)


def _check_square(owner: object, view: str, image: Pixels) -> None:
    height, width = image.shape[:2]
    if height != width:
        raise ConfigError(
            f"the {view} is {height} x {width}; only a square can be turned by quarters",
            where=type(owner).__name__,
            hint="give this view equal height and width in data.size, or drop the transform",
        )

"""Joint transform ``align_tile``: the tile turned to the photo's heading, up to a rest."""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from georet.contracts.transforming import TransformContext
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE, Pixels
from georet_orientation.labels import SEEN, WEIGHT, YAW


class AlignTile:
    """Turns the tile so that its upper edge points where the photo looks, up to a random rest.

    The pair's column ``column`` is the photo's heading in radians clockwise from the tile's upper
    edge, ``weight`` the column of its weight (None: all are certain). Without a certain heading
    (weight 0) the tile is turned by the rest alone. The rest is even within ``noise_deg``; with
    probability 1 - ``p`` the tile stays. What a turn leaves open is filled by the tile's mirror
    image. It reports ``yaw_rad`` and ``yaw_weight``, the heading that is true afterwards, for the
    loss ``orientation``. A ``flip`` may stand before or behind it.
    """

    joint: bool = True

    def __init__(
        self,
        *,
        noise_deg: Annotated[float, Field(ge=0, le=180)] = 30.0,
        p: Annotated[float, Field(ge=0, le=1)] = 1.0,
        column: str = YAW,
        weight: str | None = None,
    ) -> None:
        self.noise_deg, self.p, self.column, self.weight = noise_deg, p, column, weight

    def __call__(
        self, images: dict[str, Pixels], rng: np.random.Generator, context: TransformContext
    ) -> dict[str, Pixels]:
        """Return the views, the tile turned about its middle; ConfigError if it isn't square."""
        height, width = images[REFERENCE].shape[:2]
        if height != width:
            raise ConfigError(
                f"the tile is {height} x {width}; only a square can be turned",
                where="align_tile",
                hint="give this view equal height and width in data.size, or drop the transform",
            )
        said = context.reported
        yaw = float(context.column(self.column)) + said.get(f"{QUERY}.turn_rad", 0.0)
        yaw = -yaw if said.get("flip", 0.0) > 0 else yaw
        weight = 1.0 if self.weight is None else float(context.column(self.weight))
        is_turned = rng.random() < self.p
        rest = np.radians(rng.uniform(-self.noise_deg, self.noise_deg))
        # A heading that nobody knows is a number all the same, and no reason to turn.
        turn = ((yaw if weight > 0 else 0.0) + rest) * is_turned
        context.report(YAW, yaw - turn)
        context.report(WEIGHT, weight)
        context.report(SEEN, float("flip" in said))
        return images | {REFERENCE: turned(images[REFERENCE], turn)} if turn else images


def turned(image: Pixels, angle_rad: float) -> Pixels:
    """Return a square image turned counter-clockwise about its middle, mirrored at its edges."""
    side = image.shape[0]
    # Pixel centres are whole numbers to OpenCV, so the middle lies half a pixel before side / 2.
    middle = ((side - 1) / 2, (side - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, float(np.degrees(angle_rad)), 1.0)
    found = cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(found, np.uint8)

"""Cameras over ground that is no plane: found of matches whose heights are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import Relief
from georet.types import Bools, Doubles

_ROUNDS, _SURE = 2000, 0.999
FEWEST: Final = 8


@dataclass(frozen=True)
class Standing:
    """A camera over a relief: rotation [3, 3] and centre [3], metres above the relief's zero."""

    rotation: Doubles
    centre: Doubles
    relief: Relief

    def level_m(self, lens: Lens) -> float:
        """Return the height of the ground in the photo's middle; 0 where that shows none."""
        seen = self.looked_at(lens, Pose.of_rotation(self.rotation, self.centre))
        return float(seen[2]) if np.isfinite(seen).all() else 0.0

    def looked_at(self, lens: Lens, pose: Pose) -> Doubles:
        """Return the ground [3] in the middle of a photo from a pose; NaN where it shows none."""
        middle = np.array([[lens.width / 2, lens.height / 2]])
        found: Doubles = Pinhole(lens, pose).ground(middle, self.relief)[0]
        return found


def standing_of(
    ground: Doubles, pixels: Doubles, lens: Lens, relief: Relief, *, within_px: float
) -> tuple[Standing, Bools] | None:
    """Return the camera on which most matches [M, 2] agree within so many pixels, and which do.

    Perspective from points (SQPnP, Terzakis and Lourakis 2020) in RANSAC, both by OpenCV. None
    where there is none above the ground.
    """
    if len(ground) < FEWEST:
        return None
    points = np.column_stack([ground, relief.heights(ground)])
    middle = points.mean(axis=0)
    try:
        is_found, turn, move, rows = cv2.solvePnPRansac(
            points - middle, pixels, lens.matrix, None, iterationsCount=_ROUNDS,
            reprojectionError=within_px, confidence=_SURE, flags=cv2.SOLVEPNP_SQPNP,
        )  # fmt: skip
    except cv2.error:
        return None
    if not is_found or rows is None:
        return None
    rotation = np.asarray(cv2.Rodrigues(turn)[0], np.float64)
    centre = middle - rotation.T @ np.asarray(move, np.float64).ravel()
    if centre[2] <= float(relief.heights(centre[None, :2])[0]):
        return None
    agrees = np.zeros(len(ground), np.bool_)
    agrees[np.ravel(rows)] = True
    return Standing(rotation, centre, relief), agrees

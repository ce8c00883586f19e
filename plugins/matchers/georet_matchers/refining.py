"""A refiner over any matcher of two pictures: the candidate with most agreement on one plane."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from georet.cameras.lens import Lens
from georet.contracts.refining import Camera, Refinement, Tile
from georet.errors import UsageError
from georet.refiners.answers import Found, refinement_of
from georet.refiners.planes import plane_of
from georet.refiners.windows import Window, window_side_m
from georet.types import Doubles, Pixels

WITHIN_PX: Final = 3.0
"""How far matches may be off, in pixels of the photo as it is matched."""
_CERTAIN: Final = 150
_FEWEST: Final = 4

Matches = tuple[Doubles, Doubles]
"""Points float64[M, 2] of two pictures, columns and rows; (0, 0) is a corner."""


class PairRefiner(ABC):
    """Places photos by a matcher on the best candidates, with the gates of the refiner ``sift``.

    ``inliers`` matches must agree on one plane. The photo is turned by quarters so that its north
    is up, as far as the heading is known; where it isn't, ``rotations`` (1 or 4) are tried:
    matchers of this kind fail beyond some 45 degrees. ``px`` is the longest side in which photos
    and maps are matched.
    """

    def __init__(
        self, *, inliers: int = 15, top: int = 5, rotations: int = 4, px: int = 512
    ) -> None:
        if rotations not in (1, 4):
            raise UsageError(f"rotations is {rotations}", where="--refine", hint="Give 1 or 4.")
        if not 64 <= px <= 2048:
            raise UsageError(f"px is {px}", where="--refine", hint="Give 64 to 2048.")
        self.inliers, self.max_candidates, self.rotations, self.px = inliers, top, rotations, px

    @abstractmethod
    def matches(self, one: Pixels, other: Pixels) -> Matches:
        """Return what two pictures uint8[H, W, 3] of at most ``px`` a side have in common."""

    def __call__(self, photo: Pixels, tiles: Sequence[Tile], camera: Camera) -> Refinement:
        """Return where the photo looks; refused with the reason where nothing is certain."""
        if not tiles:
            return Refinement.refused("there is no candidate")
        small, shrink = _within(photo, self.px)
        best: Found | None = None
        for number, tile in enumerate(tiles[: self.max_candidates]):
            window = Window.of_tile(tile, window_side_m(tile, camera))
            found = self._found(number, window, small, shrink, camera)
            if found is not None and (best is None or len(found.ground) > len(best.ground)):
                best = found
            if best is not None and len(best.ground) >= _CERTAIN:
                break
        agree = 0 if best is None else len(best.ground)
        if best is None or agree < self.inliers:
            reason = f"{agree} matches agree, {self.inliers} are needed"
            return Refinement.refused(reason, inliers=agree)
        lens = None
        if camera.fov_deg is not None:
            lens = Lens.of_fov(photo.shape[1], photo.shape[0], math.radians(camera.fov_deg))
        return refinement_of(best, photo, lens, camera)

    def _found(
        self, number: int, window: Window, small: Pixels, shrink: float, camera: Camera
    ) -> Found | None:
        """Return the matches of one candidate that agree, over the turns that are tried."""
        ground_picture, scale = _within(window.image, self.px)
        best: Found | None = None
        for quarters in self._quarters(camera):
            turned = np.ascontiguousarray(np.rot90(small, -quarters))
            ours, theirs = self.matches(turned, ground_picture)
            if len(ours) < _FEWEST:
                continue
            pixels = turned_back(ours, quarters, small.shape[1], small.shape[0]) / shrink
            ground = window.ground_of(theirs / scale)
            plane = plane_of(ground, pixels, within_px=WITHIN_PX / shrink)
            if plane is None or (best is not None and plane.num_inliers <= len(best.ground)):
                continue
            agrees = plane.agrees
            best = Found(number, window, ground[agrees], pixels[agrees], plane.matrix)
        return best

    def _quarters(self, camera: Camera) -> list[int]:
        if camera.heading_deg is not None:
            return [round(camera.heading_deg / 90.0) % 4]
        return [0, 1, 2, 3][: self.rotations]


def turned_back(points: Doubles, quarters: int, width: int, height: int) -> Doubles:
    """Return points [M, 2] of a picture turned clockwise by quarters, in the picture as it was.

    ``width`` and ``height`` are those of the picture as it was.
    """
    x, y = points[:, 0], points[:, 1]
    columns, rows = {
        0: (x, y),
        1: (y, height - x),
        2: (width - x, height - y),
        3: (width - y, x),
    }[quarters % 4]
    return np.column_stack([columns, rows])


def _within(image: Pixels, px: int) -> tuple[Pixels, float]:
    """Return a picture of at most ``px`` a side, and by how much it was scaled."""
    height, width = image.shape[:2]
    factor = px / max(height, width)
    if factor >= 1:
        return image, 1.0
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), factor

"""What a lens does: directions in front of the camera to pixels, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from georet.types import Doubles

MAX_TERMS: Final = 5
_ROUNDS: Final = 20
_CLOSE: Final = 1e-9
_AT_REST: Final = 1e-13
"""Newton's method has nothing more to gain where it is off by less."""


@dataclass(frozen=True)
class Lens:
    """A photo's size in pixels, the focal length in pixels, and how straight lines are bent.

    Positions are columns and rows from the top left corner of the photo: the centre of the first
    pixel is (0.5, 0.5). ``centre`` is where the axis meets the photo; None: in its middle.
    ``distortion`` are Brown's k1, k2, p1, p2, k3 in OpenCV's order, as many as are known (the
    documentation of ``calib3d`` has the formula). ValueError for what is no lens.
    """

    width: int
    height: int
    focal_px: float
    centre: tuple[float, float] | None = None
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a photo of {self.width} x {self.height} pixels")
        if not (self.focal_px > 0 and math.isfinite(self.focal_px)):
            raise ValueError(f"focal_px is {self.focal_px}")
        if len(self.distortion) > MAX_TERMS:
            raise ValueError(f"distortion has {len(self.distortion)} terms, {MAX_TERMS} at most")

    @classmethod
    def of_fov(
        cls, width: int, height: int, fov_rad: float, distortion: tuple[float, ...] = ()
    ) -> Self:
        """Return the lens whose photo, were it not bent, spans ``fov_rad`` from left to right."""
        if not 0 < fov_rad < math.pi:
            raise ValueError(f"fov_rad is {fov_rad}")
        return cls(width, height, width / 2 / math.tan(fov_rad / 2), distortion=distortion)

    @property
    def fov_rad(self) -> float:
        """The angle that the photo's width spans, bending left aside."""
        return 2 * math.atan(self.width / 2 / self.focal_px)

    @property
    def matrix(self) -> Doubles:
        """K float64[3, 3]: directions (x right, y down, 1) to pixels, bending left aside."""
        x, y = self.centre or (self.width / 2, self.height / 2)
        return np.array([[self.focal_px, 0, x], [0, self.focal_px, y], [0, 0, 1.0]])

    @property
    def corners(self) -> Doubles:
        """The photo's corners float64[4, 2]: top left, then clockwise."""
        w, h = self.width, self.height
        return np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)

    def scaled(self, width: int, height: int) -> Self:
        """Return the lens of the same photo shrunk or enlarged to another size of that shape."""
        factor = width / self.width
        if abs(height - factor * self.height) > 1:
            raise ValueError(f"{width} x {height} is not the shape of {self.width} x {self.height}")
        x, y = self.centre or (self.width / 2, self.height / 2)
        centre = None if self.centre is None else (x * factor, y * factor)
        return replace(
            self, width=width, height=height, focal_px=self.focal_px * factor, centre=centre
        )

    def directions(self, pixels: Doubles) -> Doubles:
        """Return the directions float64[N, 3] (x right, y down, 1) that pixels [N, 2] show.

        NaN for pixels that no direction falls on, outside what a bent photo can show.
        """
        pixels = np.asarray(pixels, np.float64)
        flat = (pixels - self.matrix[:2, 2]) / self.focal_px
        if any(self.distortion):
            flat = self._straight(flat)
        return np.column_stack([flat, np.ones(len(flat))])

    def pixels(self, directions: Doubles) -> Doubles:
        """Return where directions [N, 3] fall, float64[N, 2]; NaN for those not in front.

        Beyond the angle at which Brown's polynomial turns back nothing is shown: NaN too.
        """
        directions = np.asarray(directions, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = directions[:, :2] / directions[:, 2:]
        flat[~(directions[:, 2] > 0)] = np.nan
        if any(self.distortion):
            flat = self._bent(flat)
        matrix = self.matrix
        found: Doubles = flat * self.focal_px + matrix[:2, 2]
        return found

    def _terms(self) -> Doubles:
        return np.array([*self.distortion, *[0.0] * (MAX_TERMS - len(self.distortion))])

    def _straight(self, bent: Doubles) -> Doubles:
        """Undo ``_bent`` by Newton's method."""
        k1, k2, p1, p2, k3 = self._terms()
        flat = bent.copy()
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for _ in range(_ROUNDS):
                x, y = flat[:, 0], flat[:, 1]
                square = x * x + y * y
                radial = 1 + square * (k1 + square * (k2 + square * k3))
                # The derivative of `radial` by the square of the distance, twice.
                growth = 2 * (k1 + square * (2 * k2 + square * 3 * k3))
                xx = radial + growth * x * x + 2 * p1 * y + 6 * p2 * x
                yy = radial + growth * y * y + 6 * p1 * y + 2 * p2 * x
                xy = growth * x * y + 2 * p1 * x + 2 * p2 * y
                off = bent - self._bent(flat)
                if not (np.abs(off) > _AT_REST).any():
                    break
                off_x, off_y = off.T
                size = xx * yy - xy * xy
                step = np.column_stack([yy * off_x - xy * off_y, xx * off_y - xy * off_x])
                flat = flat + step / size[:, None]
            is_right = np.abs(self._bent(flat) - bent).max(axis=1, initial=0) < _CLOSE
        return np.where(is_right[:, None], flat, np.nan)

    def _bent(self, flat: Doubles) -> Doubles:
        k1, k2, p1, p2, k3 = self._terms()
        x, y = flat[:, 0], flat[:, 1]
        square = x * x + y * y
        radial = 1 + square * (k1 + square * (k2 + square * k3))
        # Where the distance from the axis no longer grows with the angle, one pixel would show two.
        slope = 1 + square * (3 * k1 + square * (5 * k2 + square * 7 * k3))
        bent_x = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
        bent_y = y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y
        is_shown = (slope > 0) & (radial > 0)
        return np.where(is_shown[:, None], np.column_stack([bent_x, bent_y]), np.nan)

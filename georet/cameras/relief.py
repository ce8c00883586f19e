"""Ground that is not flat: a grid of heights, and where rays first meet it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from georet.contracts.refining import Relief
from georet.types import Doubles, Floats

__all__ = ["HeightGrid", "Relief", "first_met"]
_STEPS: Final = 48
_HALVINGS: Final = 24


@dataclass(frozen=True)
class HeightGrid:
    """Heights float32[h, w] in metres, bilinear between the cells' centres, level beyond the rim.

    ``to_cells`` float64[2, 3] maps (east, north, 1) to columns and rows; the centre of the first
    cell is (0.5, 0.5).
    """

    grid: Floats
    to_cells: Doubles

    @property
    def low_m(self) -> float:
        """The least height."""
        return float(self.grid.min())

    @property
    def high_m(self) -> float:
        """The greatest height."""
        return float(self.grid.max())

    def heights(self, points_m: Doubles, /) -> Doubles:
        """Return the heights float64[N] at points [N, 2]."""
        cells = points_m @ self.to_cells[:, :2].T + self.to_cells[:, 2] - 0.5
        height, width = self.grid.shape
        column = np.clip(cells[:, 0], 0, width - 1)
        row = np.clip(cells[:, 1], 0, height - 1)
        left = np.minimum(column.astype(np.int64), max(width - 2, 0))
        top = np.minimum(row.astype(np.int64), max(height - 2, 0))
        right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
        x, y = column - left, row - top
        upper = self.grid[top, left] * (1 - x) + self.grid[top, right] * x
        lower = self.grid[bottom, left] * (1 - x) + self.grid[bottom, right] * x
        found: Doubles = upper * (1 - y) + lower * y
        return found

    @classmethod
    def north_up(cls, grid: Floats, cell_m: float, top_left_m: tuple[float, float]) -> HeightGrid:
        """Return a grid of square cells whose rows run from north to south."""
        west, north = top_left_m
        to_cells = np.array([[1 / cell_m, 0, -west / cell_m], [0, -1 / cell_m, north / cell_m]])
        return cls(np.asarray(grid, np.float32), to_cells)

    def shrunk(self, factor: int) -> HeightGrid:
        """Return the grid of the means of ``factor`` x ``factor`` cells; a rest is left out."""
        height, width = (size // factor * factor for size in self.grid.shape)
        size = (width // factor, height // factor)
        grid = cv2.resize(self.grid[:height, :width], size, interpolation=cv2.INTER_AREA)
        return HeightGrid(np.asarray(grid, np.float32), self.to_cells / factor)


def first_met(centre_m: Doubles, directions: Doubles, relief: Relief) -> Doubles:
    """Return where rays from ``centre_m`` [3] along [N, 3] first meet the relief, float64[N, 3].

    NaN for rays that don't go down to the relief's least height. Each ray is followed in 48 steps
    from the relief's greatest height to its least, then halved: what is thinner than a step can be
    missed, what is found is right to a millionth of a step. Of a camera below the greatest height
    the steps begin at the camera.
    """
    down = -directions[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        begin = np.maximum((centre_m[2] - relief.high_m) / down, 0.0)
        end = (centre_m[2] - relief.low_m) / down
    is_down = (down > 0) & np.isfinite(end) & (end >= begin)
    found = np.full(directions.shape, np.nan)
    rays, near, far = directions[is_down], begin[is_down], end[is_down]
    if not len(rays):
        return found

    def above(at: Doubles, which: Doubles) -> Doubles:
        points = centre_m + at[:, None] * which
        gap: Doubles = points[:, 2] - relief.heights(points[:, :2])
        return gap

    # A hair more than the whole way, so that rounding does not leave the last ray in the air.
    step = np.maximum((far - near) * (1 + 1e-9), 1e-9) / _STEPS
    before, is_open = near.copy(), np.ones(len(rays), np.bool_)
    for number in range(1, _STEPS + 1):
        going = np.flatnonzero(is_open)
        at = near[going] + number * step[going]
        is_through = above(at, rays[going]) <= 0
        before[going[~is_through]] = at[~is_through]
        is_open[going[is_through]] = False
        if not is_open.any():
            break
    low, high = before, np.minimum(before + step, far)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_above = above(middle, rays) > 0
        low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
    found[is_down] = centre_m + high[:, None] * rays
    return found

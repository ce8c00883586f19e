"""Heights of the ground from a raster, around one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np

from georet.cameras.relief import HeightGrid
from georet.errors import DataError
from georet.extras import need
from georet.ground.tangent import Tangent
from georet.types import Doubles

_CELLS = 160


class Heights:
    """A raster of heights in metres (one band, any projection), opened when first asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raster: Any = None

    def checked(self) -> Self:
        """Return itself; DataError where the file can't be read as a raster with a place."""
        self._opened()
        return self

    def around(self, latlon: Doubles, reach_m: float) -> HeightGrid:
        """Return heights up to ``reach_m`` around a place [2], above the ground at the place.

        160 x 160 cells, bilinear. Beyond the raster, and where it has no value, it is level.
        DataError where the place itself has none.
        """
        warp = need("rasterio.warp", extra="gallery", what="reading heights")
        raster = self._opened()
        plane = Tangent(float(latlon[0]), float(latlon[1]))
        cell_m = 2 * reach_m / _CELLS
        steps = (np.arange(_CELLS) + 0.5) * cell_m - reach_m
        x, y = np.meshgrid(steps, -steps)
        points = plane.latlon(np.column_stack([x.ravel(), y.ravel()]))
        points = np.concatenate([points, np.asarray(latlon, np.float64)[None]])
        columns, rows = warp.transform("EPSG:4326", raster.crs, points[:, 1], points[:, 0])
        to_pixels = np.array(~raster.transform).reshape(3, 3)
        at = np.column_stack([columns, rows]) @ to_pixels[:2, :2].T + to_pixels[:2, 2]
        values = self._values(raster, at)
        middle = values[-1]
        if not np.isfinite(middle):
            raise DataError(
                f"has no height at {latlon[0]:.6f}, {latlon[1]:.6f}", where=str(self.path)
            )
        grid = np.where(np.isfinite(values[:-1]), values[:-1] - middle, 0.0)
        return HeightGrid.north_up(
            grid.reshape(_CELLS, _CELLS).astype(np.float32), cell_m, (-reach_m, reach_m)
        )

    def _values(self, raster: Any, at: Doubles) -> Doubles:
        """Return the heights float64[N] at pixels [N, 2], bilinear; NaN where there is none."""
        windows = need("rasterio.windows", extra="gallery", what="reading heights")
        first = np.maximum(np.floor(at.min(axis=0)).astype(int) - 1, 0)
        last = np.minimum(np.ceil(at.max(axis=0)).astype(int) + 2, [raster.width, raster.height])
        if (last <= first).any():
            return np.full(len(at), np.nan)
        window = windows.Window(*first, *(last - first))
        read = raster.read(1, window=window, masked=True).astype(np.float64)
        field = HeightGrid(np.asarray(read.filled(np.nan)), np.array([[1.0, 0, 0], [0, 1.0, 0]]))
        inside = at - first
        is_inside = ((inside >= 0) & (inside <= last - first)).all(axis=1)
        return np.where(is_inside, field.heights(inside), np.nan)

    def _opened(self) -> Any:
        if self._raster is None:
            from georet.sources.rasters.raster import open_raster

            self._raster = open_raster(self.path).raster
            if self._raster.crs is None:
                raise DataError("has no coordinate system", where=str(self.path))
        return self._raster

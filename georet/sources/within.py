"""A source without the tiles whose centres lie outside of an area."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from georet.errors import DataError
from georet.ground.region import Region
from georet.tiles.remarks import remarks_of
from georet.tiles.table import Surrounding, TileSource, TileTable
from georet.types import Doubles, Ints, Pixels


class Within:
    """The tiles of a source whose centres lie in ``area``, in the source's order."""

    def __init__(self, inner: TileSource, area: str) -> None:
        self.inner, self.area, self.region = inner, area, Region.parse_area(area)

    def tiles(self) -> TileTable:
        """Return the tiles; DataError where none lies in the area."""
        return self._table

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[h, w, 3]."""
        return self.inner.read(int(self._rows[row]))

    def read_around(self, row: int, side_m: float) -> tuple[Pixels, Doubles]:
        """Return what lies around a tile, where the source can tell, else the tile."""
        if isinstance(self.inner, Surrounding):
            return self.inner.read_around(int(self._rows[row]), side_m)
        return self.read(row), self._table.corners_latlon[row]

    def lanes(self, rows: Ints) -> Ints:
        """Return which tiles are best read by one process, as the source says."""
        lanes = getattr(self.inner, "lanes", None)
        found = np.zeros(len(rows), np.int64) if lanes is None else lanes(self._rows[rows])
        return np.asarray(found)

    def remarks(self) -> list[str]:
        """Return what a user should know of the source."""
        return remarks_of(self.inner)

    def describe(self) -> dict[str, Any]:
        """Return the source's description, and the area."""
        return {**self.inner.describe(), "within": {"asked": self.area, **self.region.describe()}}

    @cached_property
    def _rows(self) -> Ints:
        return np.flatnonzero(self.region.mask(self.inner.tiles().latlon))

    @cached_property
    def _table(self) -> TileTable:
        if not len(self._rows):
            raise DataError(
                "no tile has its centre in the area",
                where=self.area,
                hint="Smaller tiles or a larger --area; is it LAT,LON and not LON,LAT?",
            )
        return self.inner.tiles().take(self._rows)

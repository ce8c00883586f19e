"""A local source that says of itself where its pixels were fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from georet.tiles.remarks import remarks_of
from georet.tiles.table import Surrounding, TileSource, TileTable
from georet.types import Doubles, Ints, Pixels


class Told:
    """A source with another description: ``about``, and how it is cut."""

    def __init__(self, inner: TileSource, about: Mapping[str, Any]) -> None:
        self.inner, self.about = inner, dict(about)

    def tiles(self) -> TileTable:
        """Return all tiles."""
        return self.inner.tiles()

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[h, w, 3]."""
        return self.inner.read(row)

    def read_around(self, row: int, side_m: float) -> tuple[Pixels, Doubles]:
        """Return what lies around a tile, less where the fetched area ends."""
        if isinstance(self.inner, Surrounding):
            return self.inner.read_around(row, side_m)
        return self.read(row), self.tiles().corners_latlon[row]

    def lanes(self, rows: Ints) -> Ints:
        """Return which tiles are best read by one process."""
        lanes = getattr(self.inner, "lanes", None)
        return np.zeros(len(rows), np.int64) if lanes is None else lanes(rows)

    def remarks(self) -> list[str]:
        """Return what a user should know."""
        return remarks_of(self.inner)

    def describe(self) -> dict[str, Any]:
        """Return where the pixels were fetched, their hash, and how they are cut."""
        described = self.inner.describe()
        kept = ("tiling", "crs", "transform")
        cut = {key: value for key, value in described.items() if key in kept}
        return {**cut, **self.about}

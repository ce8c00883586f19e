"""A source of tiles that a plugin opened: what it does wrong is told with the plugin's name."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np

from georet.blame import Maker, blaming
from georet.plugins.discovery import Source, load
from georet.tiles.remarks import remarks_of
from georet.tiles.table import Surrounding, TileSource, TileTable
from georet.types import Doubles, Pixels


class ForeignSource:
    """The source that ``owner``'s component ``maker`` opened as ``asked``, checked at each call.

    Carried to another process, the plugin is loaded there first: one in a file can't be imported.
    """

    def __init__(
        self, inner: TileSource, maker: Maker, owner: Source, asked: Mapping[str, Any]
    ) -> None:
        self.inner, self.maker, self.owner, self.asked = inner, maker, owner, dict(asked)

    def tiles(self) -> TileTable:
        """Return all tiles."""
        with blaming(self.maker, "tiles()"):
            table: Any = self.inner.tiles()
        if not isinstance(table, TileTable):
            raise self.maker.broke(f"tiles() returned a {type(table).__name__}, not a TileTable")
        return table

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[h, w, 3] in its own resolution."""
        with blaming(self.maker, f"read({row})"):
            pixels: Any = self.inner.read(row)
        is_image = isinstance(pixels, np.ndarray) and pixels.ndim == 3 and pixels.shape[2] == 3
        if not is_image or pixels.dtype != np.uint8 or not pixels.size:
            kind = getattr(pixels, "dtype", type(pixels).__name__)
            shape = list(getattr(pixels, "shape", ()))
            raise self.maker.broke(f"read({row}) returned {kind}{shape}, wanted uint8[h, w, 3]")
        return np.asarray(pixels, np.uint8)

    def describe(self) -> dict[str, Any]:
        """Return what the plugin says decides the tiles, whose source it is, and what was asked."""
        with blaming(self.maker, "describe()"):
            return {"opened_by": self.maker.id, **self.asked, **self.inner.describe()}

    def read_around(self, row: int, side_m: float) -> tuple[Pixels, Doubles]:
        """Return what lies around a tile where the plugin's source can tell, else the tile."""
        if not isinstance(self.inner, Surrounding):
            return self.read(row), self.tiles().corners_latlon[row]
        with blaming(self.maker, f"read_around({row})"):
            return self.inner.read_around(row, side_m)

    def remarks(self) -> list[str]:
        """Return what a user should know of the source."""
        with blaming(self.maker, "remarks()"):
            return remarks_of(self.inner)

    def __getstate__(self) -> dict[str, Any]:
        with blaming(self.maker, "pickling what open() returned"):
            inner = pickle.dumps(self.inner)
        return {**self.__dict__, "inner": inner}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        load(self.owner)
        self.inner = pickle.loads(state["inner"])  # noqa: S301 - from this run's own parent process

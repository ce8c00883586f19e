"""What tile archives have in common: encoded Web Mercator tiles by zoom, x and y."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, runtime_checkable

import numpy as np

from georet.errors import DataError
from georet.sources.archives.encoded import decode, void_share
from georet.sources.mercator import mercator_table
from georet.tiles.remarks import remarks_of
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import Doubles, Ints, Pixels

_STRIP: Final = 8
"""Strips that are read by one process are so many tiles wide."""


@runtime_checkable
class Archive(Protocol):
    """Holds encoded tiles; x runs east from 180 W, y south from the map's north edge."""

    path: Path

    def zooms(self) -> list[int]:
        """Return the levels of which there are tiles, ascending."""

    def listing(self, zoom: int) -> Ints:
        """Return x, y int64[R, 2] of a level's tiles, by y, then by x."""

    def encoded(self, zoom: int, x: int, y: int) -> bytes:
        """Return a tile's bytes; DataError where there is none."""

    def describe(self) -> dict[str, Any]:
        """Return kind, path and fingerprint."""


class ArchiveSource:
    """The tiles of one level of an archive, each as it is. Ids are ``zoom/x/y``."""

    def __init__(self, archive: Archive, tiling: Tiling) -> None:
        self.archive, self.tiling = archive, tiling
        self.zoom = chosen_zoom(archive, tiling.zoom)

    def tiles(self) -> TileTable:
        """Return all tiles, from north to south, from west to east.

        Only tiles that can be transparent are decoded, and none with ``max_nodata`` 1.
        """
        return self._table

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[h, w, 3]; what is transparent is black."""
        x, y = self._kept[row].tolist()
        where = tile_path(self.archive, self.zoom, x, y)
        return decode(self.archive.encoded(self.zoom, x, y), where)

    def lanes(self, rows: Ints) -> Ints:
        """Return the strip from north to south, int64[M], in which each tile lies.

        Archives keep neighbours on all sides close to each other.
        """
        return np.asarray(self._kept[rows, 0] // _STRIP)

    def describe(self) -> dict[str, Any]:
        """Return the archive's description, the level and the tiling."""
        return {**self.archive.describe(), "zoom": self.zoom, "tiling": self.tiling.as_json()}

    def remarks(self) -> list[str]:
        """Return what a user should know of the archive."""
        return remarks_of(self.archive)

    def place(self, row: int) -> tuple[int, int]:
        """Return x and y of a tile."""
        x, y = self._kept[row].tolist()
        return x, y

    @cached_property
    def _kept(self) -> Ints:
        listed = self.archive.listing(self.zoom)
        if self.tiling.max_nodata < 1:
            shares = void_shares(self.archive, self.zoom, listed)
            listed = listed[shares <= self.tiling.max_nodata]
        if not len(listed):
            raise DataError(
                "every tile lacks more data than allowed",
                where=str(self.archive.path),
                hint=f"A share of {self.tiling.max_nodata:g} may be transparent: --max-nodata.",
            )
        return listed

    @cached_property
    def _table(self) -> TileTable:
        return mercator_table(self.zoom, self._kept)


def chosen_zoom(archive: Archive, zoom: int | None) -> int:
    """Return the level asked for, or the deepest; DataError where the archive lacks it."""
    zooms = archive.zooms()
    if not zooms:
        hint = "\n  ".join(remarks_of(archive)) or None
        raise DataError("holds no tile", where=str(archive.path), hint=hint)
    if zoom is None:
        return zooms[-1]
    if zoom not in zooms:
        listed = ", ".join(map(str, zooms))
        raise DataError(
            f"has no tiles of zoom {zoom}", where=str(archive.path), hint=f"It has zoom {listed}."
        )
    return zoom


def void_shares(archive: Archive, zoom: int, xy: Ints) -> Doubles:
    """Return the transparent share float64[R] of tiles; 0 for one that can't be decoded."""
    return np.array([void_share(archive.encoded(zoom, x, y)) for x, y in xy.tolist()])


def tile_path(archive: Archive, zoom: int, x: int, y: int) -> Path:
    """Return the name of a tile for messages: the archive's path, then ``zoom/x/y``."""
    return archive.path / str(zoom) / str(x) / str(y)


def missing_tile(archive: Archive, zoom: int, x: int, y: int) -> NoReturn:
    """Raise the DataError for a tile that the archive doesn't hold."""
    raise DataError("there is no such tile", where=str(tile_path(archive, zoom, x, y)))


def ordered(xy: Ints, zoom: int, path: Path) -> Ints:
    """Return x, y int64[R, 2] by y, then by x; DataError for one outside the level."""
    inside = ((xy >= 0) & (xy < 2**zoom)).all(axis=1)
    if not inside.all():
        x, y = xy[np.flatnonzero(~inside)[0]].tolist()
        raise DataError(f"zoom {zoom} can't have a tile x={x}, y={y}", where=str(path))
    return np.asarray(xy[np.lexsort((xy[:, 0], xy[:, 1]))], np.int64)

"""A folder of GeoTIFFs as one source: sheet by sheet, each cut in its own projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from georet.errors import DataError, UsageError
from georet.sources.rasters.cut import joined
from georet.sources.rasters.opening import open_raster_source
from georet.sources.untrusted import shown
from georet.tiles.remarks import remarks_of
from georet.tiles.table import Surrounding, TileSource, TileTable
from georet.tiles.tiling import Tiling
from georet.types import Doubles, Pixels


class SheetSource:
    """The tiles of several rasters, one raster after the other.

    Ids are ``{sheet}/{side}m/{band}/{column}``. No tile reaches over the edge of a sheet.
    """

    def __init__(self, path: Path, sheets: Sequence[tuple[str, TileSource]]) -> None:
        self.path, self.sheets = Path(path).absolute(), list(sheets)
        self._empty: list[str] = []

    def tiles(self) -> TileTable:
        """Return all tiles; DataError where no sheet has any."""
        return joined([table for _, table in self._tables])

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[h, w, 3] in its sheet's resolution."""
        source, inside = self._place_of(row)
        return source.read(inside)

    def read_around(self, row: int, side_m: float) -> tuple[Pixels, Doubles]:
        """Return ``side_m`` metres around a tile's centre, less where its sheet ends."""
        source, inside = self._place_of(row)
        if isinstance(source, Surrounding):
            return source.read_around(inside, side_m)
        return source.read(inside), source.tiles().corners_latlon[inside]

    def remarks(self) -> list[str]:
        """Return what a user should know of each sheet."""
        used = [source for source, _ in self._tables]
        said = [line for source in used for line in remarks_of(source)]
        return [*said, *self._empty]

    def describe(self) -> dict[str, Any]:
        """Return the description of each sheet."""
        described = {name: source.describe() for name, source in self.sheets}
        return {"kind": "sheets", "path": str(self.path), "sheets": described}

    def _place_of(self, row: int) -> tuple[TileSource, int]:
        """Return the sheet of a tile, and the tile's row in it."""
        ends = np.cumsum([len(table) for _, table in self._tables])
        number = int(np.searchsorted(ends, row, side="right"))
        source, table = self._tables[number]
        return source, row - int(ends[number]) + len(table)

    @cached_property
    def _tables(self) -> list[tuple[TileSource, TileTable]]:
        tables = []
        for name, source in self.sheets:
            try:
                table = source.tiles()
            except DataError as error:
                self._empty.append(f"warning: {error.where}: no tile of it is used: {error.what}")
                continue
            ids = [f"{name}/{tile}" for tile in table.ids]
            tables.append((source, replace(table, ids=ids)))
        if not tables:
            raise DataError(
                "no sheet has a tile", where=str(self.path), hint="\n  ".join(self._empty[:3])
            )
        return tables


def rasters_in(path: Path, suffixes: Sequence[str]) -> list[str]:
    """Return the names of rasters that lie in a folder itself, sorted."""
    return sorted(p.name for p in path.iterdir() if p.suffix.lower() in suffixes)


def open_sheets(path: Path, names: Sequence[str], tiling: Tiling) -> SheetSource:
    """Return the tiles of the rasters in a folder; UsageError unless they are cut by ``--side``."""
    if tiling.zoom is not None:
        raise UsageError(
            "a folder of rasters is cut by --side: with --zoom, tiles at the edges of two sheets "
            "would be there twice",
            where=str(path),
            hint=f"gdalbuildvrt all.vrt {path}/*.tif; gdal_translate -of COG all.vrt all.tif joins "
            "them.",
        )
    if tiling.origin_latlon or tiling.corners_latlon:
        raise UsageError(
            f"a place can't be given to {len(names)} rasters", where=str(path),
            hint=f"Name a single one: {path / names[0]}.",
        )  # fmt: skip
    stems = [name.rpartition(".")[0] for name in names]
    if len(set(stems)) < len(stems):
        raise DataError(
            "two rasters differ in their suffix alone", where=str(path), hint=shown(names)
        )
    opened = [open_raster_source(path / name, tiling) for name in names]
    return SheetSource(path, list(zip(stems, opened, strict=True)))

"""Tiles that are image files of their own, whose places are told by a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from georet.data.images import read_image, read_scaled
from georet.errors import DataError, UsageError
from georet.ground.wgs84 import square_corners, wrapped
from georet.sources.untrusted import check_regular
from georet.tiles.fingerprints import fingerprint_files
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import Doubles, Pixels


class ImageSource:
    """A file for each tile of a table; ``about`` names the source in ``describe``.

    ``remarks`` are told to the user. ``listed`` says for each tile, or for all, where it is told
    of: the line of a table, or a data set; errors name it.
    """

    def __init__(
        self,
        table: TileTable,
        paths: Sequence[Path],
        about: Mapping[str, Any],
        remarks: Sequence[str] = (),
        listed: Sequence[str] | str = "",
    ) -> None:
        self._listed = listed
        self._table, self._paths, self._about = table, list(paths), dict(about)
        self._remarks = list(remarks)

    def tiles(self) -> TileTable:
        """Return all tiles in the table's order."""
        return self._table

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[h, w, 3] in its own resolution."""
        return self._read(row, read_image)

    def read_scaled(self, row: int, size: tuple[int, int]) -> Pixels:
        """Return one tile uint8[h, w, 3] at the smallest n/8 that covers ``size``."""
        return self._read(row, partial(read_scaled, size=size))

    def _read(self, row: int, how: Callable[[Path], Pixels]) -> Pixels:
        try:
            if os.path.exists(self._paths[row]):  # noqa: PTH110 - never raises
                check_regular(self._paths[row])
            return how(self._paths[row])
        except DataError as error:
            what = f"tile {self._table.ids[row]}: {error.what}"
            listed = self._listed if isinstance(self._listed, str) else self._listed[row]
            hint = f"It is listed in {listed}.\n  {error.hint or ''}".rstrip() if listed else ""
            raise DataError(what, where=error.where, hint=hint or error.hint) from error

    def remarks(self) -> list[str]:
        """Return what a user should know of files that lie beside the tiles."""
        return list(self._remarks)

    def describe(self) -> dict[str, Any]:
        """Return what names the source, and a fingerprint of its files."""
        named = zip(self._table.ids, self._paths, strict=True)
        return {**self._about, "fingerprint": fingerprint_files(named)}


def square_table(ids: Sequence[str], latlon: Doubles, side_m: Doubles) -> TileTable:
    """Return the table of north-up square tiles around centres [R, 2] with sides [R]."""
    centres = latlon.copy()
    centres[:, 1] = wrapped(centres[:, 1])
    return TileTable(ids, centres, square_corners(centres, side_m), side_m)


def one_side_m(tiling: Tiling, *, where: str) -> float | None:
    """Return the ground size that a tiling gives to tiles that are already cut, or None.

    UsageError for what only makes sense where tiles are cut.
    """
    if len(tiling.side_m) > 1 or tiling.overlap or tiling.zoom is not None:
        raise UsageError(
            "its tiles are cut already: several sizes, an overlap or a zoom can't be asked for",
            where=where,
            hint="A single --side (side_m) says how large they are on the ground.",
        )
    return float(tiling.side_m[0]) if tiling.side_m else None

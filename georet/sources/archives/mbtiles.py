"""MBTiles (version 1.3): tiles in an SQLite file, rows counted from the south."""

from __future__ import annotations

import re
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.sources.archives.archive import missing_tile, ordered
from georet.sources.archives.rows import (
    assumed,
    bounds_of,
    centre_of,
    check_latitudes,
    checked_scheme,
)
from georet.sources.archives.sqlite import Database
from georet.sources.untrusted import listed, shown
from georet.tiles.fingerprints import fingerprint_file
from georet.tiles.handles import Handle
from georet.types import Ints

_VECTOR_FORMATS: Final = ("pbf", "mvt", "geojson")
_LIST: Final = "SELECT tile_column, tile_row FROM tiles WHERE zoom_level = ?"
_TILE: Final = (
    "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?"
)
_METADATA: Final = (
    "SELECT name, value FROM metadata "
    "WHERE name IN ('format', 'scheme', 'bounds', 'center') LIMIT 100"
)
_INTEGER: Final = re.compile(r"-?\d{1,10}")
_MAX_ZOOM: Final = 30


class MBTiles:
    """The archive of an ``.mbtiles`` file, opened for reading only.

    ``scheme`` says how rows are counted: ``tms``, from the south, or ``xyz``. None: as the
    metadata say, else as the standard does.
    """

    def __init__(self, path: Path, *, scheme: str | None = None) -> None:
        self.path = Path(path).absolute()
        self._handle = Handle(partial(Database, self.path))
        self._check_schema()
        told = self._metadata.get("scheme")
        self._is_asked = scheme is not None
        self.scheme = scheme or checked_scheme(told, f"{self.path}, metadata") or "tms"
        self._says_latitudes = None if self._is_asked else self._compared()

    def zooms(self) -> list[int]:
        """Return the levels of which there are tiles, ascending."""
        return sorted(self._zooms)

    def listing(self, zoom: int) -> Ints:
        """Return x, y int64[R, 2] of a level's tiles, by y, then by x."""
        rows = [row for stored in self._zooms[zoom] for row in self._ask(_LIST, stored)]
        if any(type(value) is not int for row in rows for value in row):
            rows = [(self._number(x, zoom), self._number(y, zoom)) for x, y in rows]
        try:
            xy = np.array(rows, np.int64).reshape(-1, 2)
        except OverflowError as error:
            raise DataError(f"zoom {zoom} has a column out of range", where=self._where) from error
        if ((xy < 0) | (xy >= 2**zoom)).any():
            ordered(xy, zoom, self.path)
        if self.scheme == "tms":
            xy[:, 1] = 2**zoom - 1 - xy[:, 1]
        listed = ordered(xy, zoom, self.path)
        if (np.diff(listed, axis=0) == 0).all(axis=1).any():
            raise DataError(f"lists a tile of zoom {zoom} twice", where=self._where)
        return listed

    def encoded(self, zoom: int, x: int, y: int) -> bytes:
        """Return a tile's bytes; DataError where there is none, or it can't be read."""
        row = 2**zoom - 1 - y if self.scheme == "tms" else y
        # A column without a type holds text that no number equals.
        for stored in self._zooms.get(zoom, []):
            for key in ((x, row), (str(x), str(row))):
                for (data,) in self._ask(_TILE, stored, *key):
                    if not isinstance(data, bytes):
                        raise DataError(f"tile {zoom}/{x}/{y} holds no bytes", where=self._where)
                    return data
        return missing_tile(self, zoom, x, y)

    def remarks(self) -> list[str]:
        """Return what a user should know of how the rows were read."""
        return [self._says_latitudes] if self._says_latitudes else []

    def describe(self) -> dict[str, Any]:
        """Return kind, path and fingerprint; also the scheme, where it isn't the standard's."""
        about: dict[str, Any] = {"kind": "mbtiles", "path": str(self.path)}
        if self.scheme != "tms":
            about["scheme"] = self.scheme
        return {**about, "fingerprint": fingerprint_file(self.path)}

    @property
    def _where(self) -> str:
        return str(self.path)

    @cached_property
    def _zooms(self) -> dict[int, list[int | str]]:
        """The levels, each with the values that stand for it in the file."""
        levels: dict[int, list[int | str]] = {}
        odd: list[object] = []
        for (stored,) in self._ask("SELECT DISTINCT zoom_level FROM tiles"):
            number = _integer(stored)
            if number is not None and 0 <= number <= _MAX_ZOOM:
                levels.setdefault(number, []).append(stored)
            else:
                odd.append(stored)
        if odd and not levels:
            raise DataError(f"zoom_level is {shown(odd[0])}, no zoom", where=self._where)
        return levels

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        if "metadata" not in self._handle.get().schema():
            return {}
        rows = self._ask(_METADATA)
        return {str(name): value for name, value in rows}

    def _compared(self) -> str | None:
        if not self._zooms:
            return None
        listing = max(self._zooms), self.listing(max(self._zooms))
        centre = centre_of(self._metadata.get("center"))
        bounds = bounds_of(self._metadata.get("bounds"))
        if bounds is not None:
            remark = check_latitudes(listing, bounds, self.scheme, self._where)
            if remark is None or centre is None:
                return remark
        if centre is not None:
            return check_latitudes(listing, centre, self.scheme, self._where)
        return None if "scheme" in self._metadata else assumed(listing, self.scheme, self._where)

    def _number(self, value: object, zoom: int) -> int:
        number = _integer(value)
        if number is None:
            what = f"zoom {zoom} has a column or row that is no number: {shown(value)}"
            raise DataError(what, where=self._where)
        return number

    def _check_schema(self) -> None:
        found = self._handle.get().schema()
        if "tiles" not in found:
            raise DataError(
                "is an SQLite file without the table `tiles` of MBTiles",
                where=self._where,
                hint=f"It has: {listed(sorted(found), 8) or 'no table'}.",
            )
        self._ask("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles LIMIT 1")
        kind = str(self._metadata.get("format", "")).lower()
        if kind in _VECTOR_FORMATS:
            raise DataError(
                f"holds vector tiles ({kind}), not images",
                where=self._where,
                hint="Render them to PNG or JPEG tiles first.",
            )

    def _ask(self, query: str, *values: int | str) -> list[tuple[Any, ...]]:
        return self._handle.get().ask(query, *values)


def _integer(value: object) -> int | None:
    """Return a whole number that is stored as one, as text or as a float; else None."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value) if value == str(int(value)) else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None

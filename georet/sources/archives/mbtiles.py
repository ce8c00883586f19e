"""MBTiles (version 1.3): tiles in an SQLite file, rows counted from the south."""

from __future__ import annotations

import sqlite3
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from georet.errors import DataError
from georet.sources.archives.archive import missing_tile, ordered
from georet.tiles.fingerprints import fingerprint_file
from georet.tiles.handles import Handle
from georet.types import Ints

_VECTOR_FORMATS: Final = ("pbf", "mvt", "geojson")
_TILE: Final = (
    "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?"
)


class MBTiles:
    """The archive of an ``.mbtiles`` file, opened for reading only."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()
        self._handle = Handle(partial(_connect, self.path))
        self._check_format()

    def zooms(self) -> list[int]:
        """Return the levels of which there are tiles, ascending."""
        return self._zooms

    def listing(self, zoom: int) -> Ints:
        """Return x, y int64[R, 2] of a level's tiles, by y, then by x."""
        rows = self._ask("SELECT tile_column, tile_row FROM tiles WHERE zoom_level = ?", zoom)
        if any(type(value) is not int for row in rows for value in row):
            raise DataError(f"zoom {zoom} has a column or row that is no number", where=self._where)
        xy = np.array(rows, np.int64).reshape(-1, 2)
        xy[:, 1] = 2**zoom - 1 - xy[:, 1]
        listed = ordered(xy, zoom, self.path)
        if len(np.unique(listed, axis=0)) < len(listed):
            raise DataError(f"lists a tile of zoom {zoom} twice", where=self._where)
        return listed

    def encoded(self, zoom: int, x: int, y: int) -> bytes:
        """Return a tile's bytes; DataError where there is none, or it can't be read."""
        rows = self._ask(_TILE, zoom, x, 2**zoom - 1 - y)
        if not rows:
            missing_tile(self, zoom, x, y)
        data = rows[0][0]
        if not isinstance(data, bytes):
            raise DataError(f"tile {zoom}/{x}/{y} holds no bytes", where=self._where)
        return data

    def describe(self) -> dict[str, Any]:
        """Return kind, path and fingerprint."""
        fingerprint = fingerprint_file(self.path)
        return {"kind": "mbtiles", "path": str(self.path), "fingerprint": fingerprint}

    @property
    def _where(self) -> str:
        return str(self.path)

    @cached_property
    def _zooms(self) -> list[int]:
        rows = self._ask("SELECT DISTINCT zoom_level FROM tiles")
        return sorted(zoom for (zoom,) in rows if isinstance(zoom, int) and 0 <= zoom <= 30)

    def _check_format(self) -> None:
        tables = {name for (name,) in self._ask("SELECT name FROM sqlite_master")}
        if "tiles" not in tables:
            raise DataError(
                "is an SQLite file without the table `tiles` of MBTiles",
                where=self._where,
                hint=f"It has: {', '.join(sorted(map(str, tables))) or 'no table'}.",
            )
        self._ask("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles LIMIT 1")
        if "metadata" not in tables:
            return
        rows = self._ask("SELECT value FROM metadata WHERE name = 'format'")
        if rows and str(rows[0][0]).lower() in _VECTOR_FORMATS:
            raise DataError(
                f"holds vector tiles ({rows[0][0]}), not images",
                where=self._where,
                hint="Render them to PNG or JPEG tiles first.",
            )

    def _ask(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        try:
            return self._handle.get().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise DataError(
                f"is no MBTiles file that can be read: {error}",
                where=self._where,
                hint="MBTiles is an SQLite file with a table tiles(zoom_level, tile_column, "
                "tile_row, tile_data); `sqlite3 FILE 'pragma integrity_check'` tests it.",
            ) from error


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise DataError("there is no such file", where=str(path))
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection

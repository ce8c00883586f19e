"""The cache of fetched tiles: an SQLite file that is filled tile by tile, then sealed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError, IntegrityError
from georet.sources.archives.archive import missing_tile
from georet.tiles.handles import Handle
from georet.types import Ints
from georet.vouching import read_sealed, write_sealed

TILES: Final = "tiles.sqlite"
SEALED: Final = "fetched.json"
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS tiles (z INT, x INT, y INT, data BLOB, sha256 TEXT, "
    "PRIMARY KEY (z, x, y))"
)
AGAIN: Final = "Remove the folder, and the tiles are fetched anew."


class TileStore:
    """Tiles being fetched; what is added is on disk after ``commit``, whatever happens then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._base = sqlite3.connect(folder / TILES)
        self._base.execute(_SCHEMA)

    def known(self, zoom: int) -> set[tuple[int, int]]:
        """Return x, y of what was asked for already, there or not."""
        rows = self._base.execute("SELECT x, y FROM tiles WHERE z = ?", (zoom,))
        return {(int(x), int(y)) for x, y in rows}

    def add(self, zoom: int, x: int, y: int, data: bytes | None) -> None:
        """Add a tile, None where there is none."""
        sha256 = None if data is None else hashlib.sha256(data).hexdigest()
        self._base.execute(
            "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?, ?)", (zoom, x, y, data, sha256)
        )

    def commit(self) -> None:
        """Force what was added to disk."""
        self._base.commit()

    def seal(self, about: dict[str, Any], zoom: int) -> None:
        """Vouch for the tiles: from now on nothing is fetched for this source."""
        digest, num = hashlib.sha256(), 0
        rows: Iterable[tuple[int, int, str]] = self._base.execute(
            "SELECT x, y, sha256 FROM tiles WHERE z = ? AND data NOT NULL ORDER BY y, x", (zoom,)
        )
        for x, y, sha256 in rows:
            digest.update(f"{zoom}/{x}/{y} {sha256}\n".encode())
            num += 1
        self.commit()
        sealed = {**about, "zoom": zoom, "num_tiles": num, "sha256": digest.hexdigest()}
        write_sealed(self.folder / SEALED, sealed)

    def close(self) -> None:
        """Close the file."""
        self._base.close()


class FetchedTiles:
    """A sealed store as an archive of tiles (``georet.sources.archives.archive.Archive``)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about = read_sealed(folder / SEALED, hint=AGAIN)
        self.path = Path(str(self.about["path"]))
        self._handle = Handle(partial(_read_only, folder / TILES))

    def zooms(self) -> list[int]:
        """Return the one level."""
        return [int(self.about["zoom"])] if self.about["num_tiles"] else []

    def listing(self, zoom: int) -> Ints:
        """Return x, y int64[R, 2] of a level's tiles, by y, then by x."""
        asked = "SELECT x, y FROM tiles WHERE z = ? AND data NOT NULL ORDER BY y, x"
        return np.array(self._ask(asked, zoom), np.int64).reshape(-1, 2)

    def encoded(self, zoom: int, x: int, y: int) -> bytes:
        """Return a tile's bytes, those that were fetched."""
        asked = "SELECT data, sha256 FROM tiles WHERE z = ? AND x = ? AND y = ?"
        found = self._ask(asked, zoom, x, y)
        if not found or found[0][0] is None:
            missing_tile(self, zoom, x, y)
        data, sha256 = bytes(found[0][0]), found[0][1]
        if hashlib.sha256(data).hexdigest() != sha256:
            what = f"tile {zoom}/{x}/{y} is not the one that was fetched: its SHA-256 differs"
            raise IntegrityError(what, where=str(self.folder), hint=AGAIN)
        return data

    def describe(self) -> dict[str, Any]:
        """Return what was fetched, from where, and the hash of all of it."""
        return dict(self.about)

    def _ask(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        try:
            return list(self._handle.get().execute(query, values))
        except sqlite3.DatabaseError as error:
            what = f"can't be read: {error}"
            raise DataError(what, where=str(self.folder / TILES), hint=AGAIN) from error


def _read_only(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise DataError("is gone from the cache", where=str(path), hint=AGAIN)
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)

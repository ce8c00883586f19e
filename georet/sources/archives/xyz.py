"""Folders of tiles: ``{zoom}/{x}/{y}.png``, JPEG or WebP; y from the north, or from the south."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from georet.errors import DataError
from georet.sources.archives.archive import missing_tile, ordered
from georet.tiles.fingerprints import fingerprint_files
from georet.types import Ints

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp")
_TMS_FILE: Final = "tilemapresource.xml"
"""What writers of TMS folders (gdal2tiles) leave beside the tiles."""


class _Level(NamedTuple):
    xy: Ints
    suffixes: dict[tuple[int, int], str]


class XyzFolder:
    """The archive of a folder; ``tms`` says that y counts from the south.

    None: it does where the folder has the ``tilemapresource.xml`` of TMS.
    """

    def __init__(self, path: Path, *, tms: bool | None = None) -> None:
        self.path = Path(path).absolute()
        self.tms = (self.path / _TMS_FILE).is_file() if tms is None else tms
        self._levels: dict[int, _Level] = {}

    def zooms(self) -> list[int]:
        """Return the levels of which there are tiles, ascending."""
        return [zoom for zoom in self._folders if self._has_tile(zoom)]

    def listing(self, zoom: int) -> Ints:
        """Return x, y int64[R, 2] of a level's tiles, by y, then by x."""
        return self._level(zoom).xy

    def encoded(self, zoom: int, x: int, y: int) -> bytes:
        """Return a tile's bytes; DataError where there is none, or it can't be read."""
        suffix = self._level(zoom).suffixes.get((x, y))
        if suffix is None:
            missing_tile(self, zoom, x, y)
        path = self._file(zoom, x, y, suffix)
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"can't be read: {error.strerror}", where=str(path)) from error

    def describe(self) -> dict[str, Any]:
        """Return kind, path and a fingerprint of all listed files."""
        named = [
            (f"{zoom}/{x}/{y}", self._file(zoom, x, y, suffix))
            for zoom in self.zooms()
            for (x, y), suffix in sorted(self._level(zoom).suffixes.items())
        ]
        scheme = "tms" if self.tms else "xyz"
        fingerprint = fingerprint_files(named)
        return {"kind": "xyz", "path": str(self.path), "scheme": scheme, "fingerprint": fingerprint}

    @cached_property
    def _folders(self) -> list[int]:
        return numeric_folders(self.path)

    def _has_tile(self, zoom: int) -> bool:
        return len(self._level(zoom).xy) > 0

    def _level(self, zoom: int) -> _Level:
        if zoom not in self._levels:
            self._levels[zoom] = self._listed(zoom)
        return self._levels[zoom]

    def _listed(self, zoom: int) -> _Level:
        suffixes: dict[tuple[int, int], str] = {}
        for x in numeric_folders(self.path / str(zoom)):
            with os.scandir(self.path / str(zoom) / str(x)) as entries:
                for entry in entries:
                    stem, suffix = os.path.splitext(entry.name)  # noqa: PTH122 - twice as fast
                    if suffix.lower() in SUFFIXES and stem.isdecimal():
                        y = 2**zoom - 1 - int(stem) if self.tms else int(stem)
                        suffixes[x, y] = suffix
        xy = np.array(list(suffixes), np.int64).reshape(-1, 2)
        return _Level(ordered(xy, zoom, self.path), suffixes)

    def _file(self, zoom: int, x: int, y: int, suffix: str) -> Path:
        row = 2**zoom - 1 - y if self.tms else y
        return self.path / str(zoom) / str(x) / f"{row}{suffix}"


def numeric_folders(path: Path) -> list[int]:
    """Return the numbers that folders in ``path`` are called by, ascending; none if it is none."""
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries if entry.name.isdecimal() and entry.is_dir()]
    except OSError:
        return []
    return sorted(int(name) for name in names if str(int(name)) == name)

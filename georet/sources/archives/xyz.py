"""Folders of tiles: ``{zoom}/{x}/{y}.png``, JPEG or WebP; y from the north, or from the south."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from georet.errors import DataError
from georet.files import read_json
from georet.sources.archives.archive import missing_tile, ordered
from georet.sources.archives.rows import (
    assumed,
    bounds_of,
    centre_of,
    check_latitudes,
    checked_scheme,
    fits,
)
from georet.sources.strays import Strays
from georet.sources.untrusted import Inside, check_regular
from georet.tiles.fingerprints import fingerprint_files
from georet.types import Ints

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp")
_NAME: Final = re.compile(r"(0|[1-9][0-9]*)(?:@[1-4]x)?(\.[A-Za-z]+)")
"""Row, and for screens of a finer grid ``@2x``: the same ground in more pixels."""

_TMS_FILE: Final = "tilemapresource.xml"
"""What writers of TMS folders (gdal2tiles) leave beside the tiles."""

_BOX: Final = re.compile(r"<BoundingBox\b[^<>]*>")
_EDGE: Final = re.compile(r"""\b(m(?:in|ax)[xy])\s*=\s*["']([-+.\deE]{1,40})["']""")

_METADATA: Final = "metadata.json"
_MAX_METADATA_BYTES: Final = 1 << 20


class _Level(NamedTuple):
    xy: Ints
    names: dict[tuple[int, int], str]


class XyzFolder:
    """The archive of a folder; ``scheme`` ``tms`` says that y counts from the south.

    None: as ``metadata.json`` says, from the south where the folder has the
    ``tilemapresource.xml`` of TMS, else from the north. Links out of the folder are refused
    unless ``follow`` says otherwise.
    """

    def __init__(self, path: Path, *, scheme: str | None = None, follow: bool = False) -> None:
        self.path = Path(path).absolute()
        self._inside = None if follow else Inside(self.path)
        self._strays = Strays(self.path)
        self._levels: dict[int, _Level] = {}
        told = checked_scheme(self._metadata.get("scheme"), str(self.path / _METADATA))
        if told is None and (self.path / _TMS_FILE).is_file():
            told = "tms"
        self._is_told = scheme is not None or told is not None
        self.scheme = scheme or told or "xyz"
        self._says_rows = None if scheme is not None else self._compared()

    def zooms(self) -> list[int]:
        """Return the levels of which there are tiles, ascending."""
        return [zoom for zoom in self._folders if self._has_tile(zoom)]

    def listing(self, zoom: int) -> Ints:
        """Return x, y int64[R, 2] of a level's tiles, by y, then by x."""
        return self._level(zoom).xy

    def encoded(self, zoom: int, x: int, y: int) -> bytes:
        """Return a tile's bytes; DataError where there is none, or it can't be read."""
        name = self._level(zoom).names.get((x, y))
        if name is None:
            missing_tile(self, zoom, x, y)
        path = self._file(zoom, x, name)
        try:
            check_regular(path)
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"can't be read: {error.strerror}", where=str(path)) from error

    def remarks(self) -> list[str]:
        """Return what a user should know: how rows were counted, and what is no tile."""
        self.zooms()
        return [*([self._says_rows] if self._says_rows else []), *self._strays.remarks()]

    def describe(self) -> dict[str, Any]:
        """Return kind, path and a fingerprint of all listed files."""
        named = [
            (f"{zoom}/{x}/{y}", self._file(zoom, x, name))
            for zoom in self.zooms()
            for (x, y), name in sorted(self._level(zoom).names.items())
        ]
        about = {"kind": "xyz", "path": str(self.path), "scheme": self.scheme}
        return {**about, "fingerprint": fingerprint_files(named)}

    @cached_property
    def _folders(self) -> list[int]:
        return numeric_folders(self.path)

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        """What ``metadata.json`` (TileJSON, as mb-util writes it) says, if anything."""
        path = self.path / _METADATA
        if not path.is_file() or path.stat().st_size > _MAX_METADATA_BYTES:
            return {}
        try:
            found = read_json(path)
        except (DataError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _compared(self) -> str | None:
        zooms = self.zooms()
        if not zooms:
            return None
        listing, where = (zooms[-1], self.listing(zooms[-1])), str(self.path)
        told = bounds_of(self._metadata.get("bounds")) or self._box_of_tms(listing)
        bounds = told or centre_of(self._metadata.get("center"))
        if bounds is not None or self._is_told:
            return check_latitudes(listing, bounds, self.scheme, where)
        return assumed(listing, self.scheme, where)

    def _box_of_tms(self, listing: tuple[int, Ints]) -> tuple[float, float] | None:
        """Return south and north of TMS's BoundingBox, None where none can be read.

        Some writers have latitudes in x: that axis counts which fits the tiles, or their mirror
        image. Metres, which others write, tell nothing here.
        """
        path = self.path / _TMS_FILE
        if not path.is_file() or path.stat().st_size > _MAX_METADATA_BYTES:
            return None
        box = _BOX.search(path.read_text("utf-8", "replace"))
        values = dict(_EDGE.findall(box[0])) if box else {}
        found = [bounds_of((0, values.get(f"min{a}"), 0, values.get(f"max{a}"))) for a in "yx"]
        fitting = [bounds for bounds in found if bounds and fits(listing, bounds)]
        return fitting[0] if fitting else None

    def _has_tile(self, zoom: int) -> bool:
        return len(self._level(zoom).xy) > 0

    def _level(self, zoom: int) -> _Level:
        if zoom not in self._levels:
            self._levels[zoom] = self._listed(zoom)
        return self._levels[zoom]

    def _listed(self, zoom: int) -> _Level:
        names: dict[tuple[int, int], str] = {}
        folder = self.path / str(zoom)
        self._check_inside(folder)
        for x in numeric_folders(folder):
            self._check_inside(folder / str(x))
            with os.scandir(folder / str(x)) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    self._take(names, zoom, x, entry)
        xy = np.array(list(names), np.int64).reshape(-1, 2)
        return _Level(ordered(xy, zoom, self.path), names)

    def _take(
        self, names: dict[tuple[int, int], str], zoom: int, x: int, entry: os.DirEntry[str]
    ) -> None:
        match = _NAME.fullmatch(entry.name)
        name = f"{zoom}/{x}/{entry.name}"
        if match is None or match[2].lower() not in SUFFIXES or len(match[1]) > 10:
            self._strays.note("names", name)
            return
        if entry.is_symlink():
            self._check_inside(Path(entry.path))
        y = 2**zoom - 1 - int(match[1]) if self.scheme == "tms" else int(match[1])
        before = names.setdefault((x, y), entry.name)
        if before != entry.name:
            # In the order of names: `5.png` comes before `5@2x.png`.
            self._strays.note("twice", name)
        else:
            self._look(name, entry)

    def _look(self, name: str, entry: os.DirEntry[str]) -> None:
        try:
            self._strays.look(name, Path(entry.path), entry.stat().st_size)
        except OSError:
            return  # a link to nothing: told when it is read, and counted among the bad tiles

    def _check_inside(self, path: Path) -> None:
        if self._inside is not None:
            self._inside.check(path)

    def _file(self, zoom: int, x: int, name: str) -> Path:
        return self.path / str(zoom) / str(x) / name


def numeric_folders(path: Path) -> list[int]:
    """Return the numbers that folders in ``path`` are called by, ascending; none if it is none."""
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries if entry.name.isdecimal() and entry.is_dir()]
    except OSError:
        return []
    return sorted(int(name) for name in names if len(name) <= 10 and str(int(name)) == name)

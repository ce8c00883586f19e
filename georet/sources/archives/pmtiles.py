"""PMTiles (version 3): tiles in one file with directories along a space-filling curve."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np

from georet.errors import DataError
from georet.extras import need
from georet.sources.archives.archive import missing_tile
from georet.sources.archives.hilbert import columns_and_rows, first_number
from georet.sources.archives.rows import bounds_of, check_latitudes
from georet.sources.untrusted import check_regular
from georet.tiles.fingerprints import fingerprint_file
from georet.tiles.handles import Handle
from georet.types import Ints

_HEADER_BYTES: Final = 127
_MAX_DIRECTORY_BYTES: Final = 16 << 20
_MAX_UNPACKED_BYTES: Final = 32 << 20
_BYTES_AN_ENTRY: Final = 4
"""An entry of a directory has four numbers of a byte or more."""

_BASE_TILES: Final = 300_000
_BYTES_A_TILE: Final = 8
"""So many tiles a file of any size may list, and one more for so many of its bytes: directories
say in a few bytes that one picture stands for millions of tiles."""

_MAX_DEPTH: Final = 3
_END_ZOOM: Final = 30
_END_OF_FILES: Final = 2**62
_IMAGES: Final = ("PNG", "JPEG", "WEBP", "UNKNOWN")


class _Stored(NamedTuple):
    """Where a level's tiles lie: x, y [R, 2] by y, then by x; offset and length in the file."""

    xy: Ints
    spans: Ints


class PMTiles:
    """The archive of a ``.pmtiles`` file; the directories are read once, tiles when asked for.

    Rows count from the north, as the format says, unless ``scheme`` is ``tms``: for files that
    were converted from others without turning their rows around.
    """

    def __init__(self, path: Path, *, scheme: str | None = None) -> None:
        self.path = Path(path).absolute()
        self._handle: Handle[BinaryIO] = Handle(partial(_open, self.path))
        self._header = self._read_header()
        self.scheme = scheme or "xyz"
        self._is_asked = scheme is not None

    def zooms(self) -> list[int]:
        """Return the levels of which there are tiles, ascending."""
        return sorted(self._levels)

    def listing(self, zoom: int) -> Ints:
        """Return x, y int64[R, 2] of a level's tiles, by y, then by x."""
        return self._levels[zoom].xy

    def encoded(self, zoom: int, x: int, y: int) -> bytes:
        """Return a tile's bytes; DataError where there is none, or the file is cut short."""
        span = self._span(zoom, x, y)
        if span is None:
            missing_tile(self, zoom, x, y)
        data = self._read(*span, f"tile {zoom}/{x}/{y}")
        return self._unpacked(data, "tile_compression", f"tile {zoom}/{x}/{y}")

    def describe(self) -> dict[str, Any]:
        """Return kind, path and fingerprint; also the scheme, where it isn't the format's."""
        about: dict[str, Any] = {"kind": "pmtiles", "path": str(self.path)}
        if self.scheme != "xyz":
            about["scheme"] = self.scheme
        return {**about, "fingerprint": fingerprint_file(self.path)}

    def remarks(self) -> list[str]:
        """Return what a user should know of how the rows were read."""
        header = self._header
        south, north = header["min_lat_e7"] / 1e7, header["max_lat_e7"] / 1e7
        if self._is_asked or not self._levels:
            return []
        zoom = max(self._levels)
        bounds = bounds_of((0, south, 0, north))
        said = check_latitudes((zoom, self.listing(zoom)), bounds, self.scheme, str(self.path))
        return [said] if said else []

    @cached_property
    def _levels(self) -> dict[int, _Stored]:
        runs, num_tiles = [], 0
        most = _BASE_TILES + self._size // _BYTES_A_TILE
        for entry in self._entries():
            num_tiles += max(entry.run_length, 1)
            if num_tiles > most:
                raise self._broken(f"lists more than {most:,} tiles in {self._size:,} bytes")
            if entry.tile_id + entry.run_length > first_number(_END_ZOOM):
                raise self._broken(f"lists tiles deeper than zoom {_END_ZOOM - 1}")
            if max(entry.offset, entry.length) > _END_OF_FILES:
                raise self._broken("lists a tile beyond the end of any file")
            runs.append((entry.tile_id, entry.run_length, entry.offset, entry.length))
        listed = np.array(runs, np.int64).reshape(-1, 4)
        listed = listed[listed[:, 1] > 0]
        before = np.cumsum(listed[:, 1]) - listed[:, 1]
        within = np.arange(int(listed[:, 1].sum())) - np.repeat(before, listed[:, 1])
        numbers = np.repeat(listed[:, 0], listed[:, 1]) + within
        spans = np.repeat(listed[:, 2:], listed[:, 1], axis=0)
        spans[:, 0] += self._header["tile_data_offset"]
        return dict(self._by_level(numbers, spans))

    def _by_level(self, numbers: Ints, spans: Ints) -> Iterator[tuple[int, _Stored]]:
        for zoom in range(_END_ZOOM):
            is_here = (numbers >= first_number(zoom)) & (numbers < first_number(zoom + 1))
            if not is_here.any():
                continue
            xy = columns_and_rows(zoom, numbers[is_here])
            if self.scheme == "tms":
                xy[:, 1] = 2**zoom - 1 - xy[:, 1]
            order = np.lexsort((xy[:, 0], xy[:, 1]))
            xy = xy[order]
            if (np.diff(xy, axis=0) == 0).all(axis=1).any():
                raise self._broken(f"lists a tile of zoom {zoom} twice")
            yield zoom, _Stored(xy, spans[is_here][order])

    def _span(self, zoom: int, x: int, y: int) -> tuple[int, int] | None:
        """Return offset and length of a tile, or None."""
        if zoom not in self._levels:
            return None
        xy, spans = self._levels[zoom]
        first, end = np.searchsorted(xy[:, 1], [y, y + 1])
        row = int(first + np.searchsorted(xy[first:end, 0], x))
        if row >= end or int(xy[row, 0]) != x:
            return None
        return int(spans[row, 0]), int(spans[row, 1])

    def _entries(self) -> Iterator[Any]:
        """Yield all entries, those that point to further directories too."""
        waiting = [(self._header["root_offset"], self._header["root_length"], 0)]
        seen = set()
        while waiting:
            offset, length, depth = waiting.pop()
            if offset in seen:
                raise self._broken("two entries point to the same directory")
            if depth > _MAX_DEPTH or length > _MAX_DIRECTORY_BYTES:
                raise self._broken("its directories are nested too deep, or too large")
            seen.add(offset)
            for entry in self._directory(offset, length):
                yield entry
                if entry.run_length == 0:
                    leaf = self._header["leaf_directory_offset"] + entry.offset
                    waiting.append((leaf, entry.length, depth + 1))

    def _directory(self, offset: int, length: int) -> list[Any]:
        from pmtiles.tile import deserialize_directory, read_varint

        raw = self._read(offset, length, "directory")
        plain = self._unpacked(raw, "internal_compression", "a directory")
        try:
            num_entries = read_varint(BytesIO(plain[:10]))
            most = min(len(plain) // _BYTES_AN_ENTRY, _BASE_TILES + self._size // _BYTES_A_TILE)
            if num_entries > most:
                raise self._broken(f"a directory says that it has {num_entries:,} entries")
            # The library reads directories compressed by gzip and no others.
            return list(deserialize_directory(gzip.compress(plain, compresslevel=0)))
        except (OSError, EOFError, ValueError, IndexError, OverflowError, TypeError) as error:
            raise self._broken(f"a directory is damaged: {error}") from error

    @cached_property
    def _size(self) -> int:
        return self.path.stat().st_size

    def _unpacked(self, data: bytes, which: str, what: str) -> bytes:
        kind = self._header[which].name
        if kind in ("NONE", "UNKNOWN"):
            return data
        if kind != "GZIP":
            raise self._broken(f"{what} is compressed by {kind.lower()}, not by gzip")
        packer = zlib.decompressobj(wbits=31)
        try:
            plain = packer.decompress(data, _MAX_UNPACKED_BYTES)
        except zlib.error as error:
            raise self._broken(f"{what} is damaged: {error}") from error
        if packer.unconsumed_tail or not packer.eof:
            raise self._broken(f"{what} is cut short, or unpacks to too much")
        return plain

    def _read_header(self) -> dict[str, Any]:
        tile = need("pmtiles.tile", extra="gallery", what="reading PMTiles")
        raw = self._read(0, _HEADER_BYTES, "header")
        try:
            header: dict[str, Any] = dict(tile.deserialize_header(raw))
        except tile.SpecVersionUnsupported as error:
            raise self._broken(f"is PMTiles version {raw[7]}, not 3", "pmtiles convert") from error
        except (tile.MagicNumberNotFound, ValueError, IndexError) as error:
            raise self._broken("is no PMTiles file") from error
        if header["tile_data_offset"] > self._size:
            raise self._broken("is cut short: its tiles would begin after the file's end")
        kind = header["tile_type"].name
        if kind not in _IMAGES:
            what = "vector tiles" if kind in ("MVT", "MLT") else f"{kind} tiles"
            hint = "Render or convert them to PNG, JPEG or WebP tiles first."
            raise DataError(f"holds {what}, not images", where=str(self.path), hint=hint)
        return header

    def _read(self, offset: int, length: int, what: str) -> bytes:
        stream = self._handle.get()
        if offset + length > self._size:
            raise self._broken(f"{what} is cut short: the file ends before it")
        try:
            stream.seek(offset)
            data = stream.read(length)
        except (OSError, OverflowError, ValueError) as error:
            raise self._broken(f"{what} can't be read: {error}") from error
        if len(data) < length:
            raise self._broken(f"{what} is cut short: the file ends before it")
        return data

    def _broken(self, what: str, tool: str = "pmtiles verify") -> DataError:
        return DataError(what, where=str(self.path), hint=f"Type: {tool} {self.path}")


def _open(path: Path) -> BinaryIO:
    check_regular(path)
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", where=str(path)) from error

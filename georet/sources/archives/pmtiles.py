"""PMTiles (version 3): tiles in one file with directories along a space-filling curve."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np

from georet.errors import DataError
from georet.extras import need
from georet.sources.archives.archive import missing_tile, ordered
from georet.tiles.fingerprints import fingerprint_file
from georet.tiles.handles import Handle
from georet.types import Ints

_HEADER_BYTES: Final = 127
_MAX_DIRECTORY_BYTES: Final = 64 << 20
_MAX_UNPACKED_BYTES: Final = 256 << 20
_MAX_TILES: Final = 50_000_000
_MAX_DEPTH: Final = 3
_END_OF_IDS: Final = (4**30 - 1) // 3
_IMAGES: Final = ("PNG", "JPEG", "WEBP", "UNKNOWN")


class _Stored(NamedTuple):
    """Where a level's tiles lie: x, y [R, 2]; offset and length in the file by x and y."""

    xy: Ints
    spans: dict[tuple[int, int], tuple[int, int]]


class PMTiles:
    """The archive of a ``.pmtiles`` file; the directories are read once, tiles when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()
        self._handle: Handle[BinaryIO] = Handle(partial(_open, self.path))
        self._header = self._read_header()

    def zooms(self) -> list[int]:
        """Return the levels of which there are tiles, ascending."""
        return sorted(self._levels)

    def listing(self, zoom: int) -> Ints:
        """Return x, y int64[R, 2] of a level's tiles, by y, then by x."""
        return self._levels[zoom].xy

    def encoded(self, zoom: int, x: int, y: int) -> bytes:
        """Return a tile's bytes; DataError where there is none, or the file is cut short."""
        level = self._levels.get(zoom)
        span = None if level is None else level.spans.get((x, y))
        if span is None:
            missing_tile(self, zoom, x, y)
        data = self._read(*span, f"tile {zoom}/{x}/{y}")
        return self._unpacked(data, "tile_compression", f"tile {zoom}/{x}/{y}")

    def describe(self) -> dict[str, Any]:
        """Return kind, path and fingerprint."""
        fingerprint = fingerprint_file(self.path)
        return {"kind": "pmtiles", "path": str(self.path), "fingerprint": fingerprint}

    @cached_property
    def _levels(self) -> dict[int, _Stored]:
        from pmtiles.tile import tileid_to_zxy

        spans: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
        first, num_tiles = self._header["tile_data_offset"], 0
        for entry in self._entries(self._header["root_offset"], self._header["root_length"], 0):
            num_tiles += entry.run_length
            if num_tiles > _MAX_TILES or entry.tile_id >= _END_OF_IDS:
                raise self._broken("lists more tiles than georet reads, or too deep ones")
            for number in range(entry.run_length):
                zoom, x, y = tileid_to_zxy(entry.tile_id + number)
                spans.setdefault(zoom, {})[x, y] = (first + entry.offset, entry.length)
        return {
            zoom: _Stored(ordered(np.array(list(found), np.int64), zoom, self.path), found)
            for zoom, found in spans.items()
        }

    def _entries(self, offset: int, length: int, depth: int) -> Iterator[Any]:
        """Yield the entries of tiles in a directory and in those that it points to."""
        from pmtiles.tile import deserialize_directory

        if depth > _MAX_DEPTH or length > _MAX_DIRECTORY_BYTES:
            raise self._broken("its directories are nested too deep, or too large")
        raw = self._read(offset, length, "directory")
        plain = self._unpacked(raw, "internal_compression", "a directory")
        try:
            # The library reads directories compressed by gzip and no others.
            entries = deserialize_directory(gzip.compress(plain, compresslevel=0))
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise self._broken(f"a directory is damaged: {error}") from error
        for entry in entries:
            if entry.run_length > 0:
                yield entry
            else:
                leaf = self._header["leaf_directory_offset"] + entry.offset
                yield from self._entries(leaf, entry.length, depth + 1)

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
        kind = header["tile_type"].name
        if kind not in _IMAGES:
            what = "vector tiles" if kind in ("MVT", "MLT") else f"{kind} tiles"
            hint = "Render or convert them to PNG, JPEG or WebP tiles first."
            raise DataError(f"holds {what}, not images", where=str(self.path), hint=hint)
        return header

    def _read(self, offset: int, length: int, what: str) -> bytes:
        stream = self._handle.get()
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
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", where=str(path)) from error

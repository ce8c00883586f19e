"""What a gallery consists of: its own plan and shards, or several galleries one after another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from georet.gallery.files.journal import blocks_name
from georet.gallery.files.manifest import vouched_bytes
from georet.gallery.files.parquet import (
    read_centres,
    read_embeddings,
    read_plan,
    read_some,
    read_thumbnails,
)
from georet.gallery.files.plan import PLAN
from georet.gallery.files.seal import BAD_TILES, readable_rows
from georet.gallery.mapped import InMemory, MappedRows, OpenedFile, can_map, open_checked
from georet.search.blocks import CheckedFile
from georet.search.rows import Stored
from georet.tiles.table import TileTable
from georet.types import Doubles, Floats, Ints

_SHARDS_KEPT = 8
IN_MEMORY: Final = 2**28
"""Bytes of fp32 embeddings up to which all are read into memory: it is faster there."""


class Contents(Protocol):
    """R tiles with embeddings and thumbnails, wherever they are; everything read is verified."""

    @property
    def tiles(self) -> TileTable:
        """The table of the R tiles."""

    @property
    def centres(self) -> tuple[Doubles, Doubles]:
        """Centres latlon float64[R, 2] and sides side_m float64[R]."""

    def tiles_at(self, rows: Ints) -> TileTable:
        """Return the table of the tiles of rows int64[M], in that order."""

    @property
    def has_rows(self) -> bool:
        """Whether the files are there that the embeddings are in."""

    @property
    def rows(self) -> Stored:
        """The embeddings, in memory or on disk."""

    @property
    def embeddings(self) -> Floats:
        """All embeddings float32[R, D], in memory."""

    def thumbnail(self, row: int) -> bytes | None:
        """Return a tile's small picture as JPEG, None if there is none."""


class OwnContents:
    """What a gallery's own folder holds: the plan, and the shards."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any], embed_dim: int) -> None:
        self._folder, self._manifest, self._embed_dim = folder, manifest, embed_dim
        ends = np.cumsum([shard["rows"] for shard in manifest["shards"]])
        self._starts = np.concatenate([[0], ends]).astype(np.int64)
        self._thumbnails_of = lru_cache(_SHARDS_KEPT)(self._read_thumbnails)

    @cached_property
    def tiles(self) -> TileTable:
        """The table of the R tiles."""
        planned = read_plan(self._read(PLAN))
        rows = self._plan_rows
        return planned if rows is None else planned.take(rows)

    @cached_property
    def centres(self) -> tuple[Doubles, Doubles]:
        """Centres latlon float64[R, 2] and sides side_m float64[R], read without the rest."""
        if "tiles" in self.__dict__ or self._plan_file is None:
            return self.tiles.latlon, self.tiles.side_m
        latlon, side_m = read_centres(OpenedFile(self._plan_file))
        rows = self._plan_rows
        return (latlon, side_m) if rows is None else (latlon[rows], side_m[rows])

    def tiles_at(self, rows: Ints) -> TileTable:
        """Return the table of the tiles of rows int64[M], in that order; little else is read."""
        if "tiles" in self.__dict__ or self._plan_file is None:
            return self.tiles.take(rows)
        planned = rows if self._plan_rows is None else self._plan_rows[rows]
        some, place = np.unique(planned, return_inverse=True)
        return read_some(OpenedFile(self._plan_file), some).take(place.astype(np.int64))

    @cached_property
    def mapped(self) -> MappedRows | None:
        """The embeddings where they are, on disk; None for a gallery of a georet before that."""
        shards, files = self._manifest["shards"], self._manifest["files"]
        if not can_map(shards, files):
            return None
        storage = self._manifest["settings"]["storage"]
        return MappedRows(self._folder, shards, files, embed_dim=self._embed_dim, storage=storage)

    @property
    def has_rows(self) -> bool:
        """Whether the shards are there; a copy without them can be searched on a server.

        Of many only the first and the last are looked for: one that is lost alone is told by name
        when it is read.
        """
        shards = self._manifest["shards"]
        ends = [*shards[:1], *shards[-1:]]
        return not ends or any((self._folder / shard["file"]).is_file() for shard in ends)

    @property
    def rows(self) -> MappedRows | InMemory:
        """The embeddings: on disk where they would fill the memory and were not read yet."""
        num_bytes = 4 * int(self._starts[-1]) * self._embed_dim
        if self.mapped is None or "embeddings" in self.__dict__ or num_bytes <= IN_MEMORY:
            return InMemory(self.embeddings)
        return self.mapped

    @cached_property
    def embeddings(self) -> Floats:
        """All embeddings float32[R, D], in memory; IntegrityError names a changed shard."""
        if self.mapped is not None:
            return self.mapped.whole()
        embeddings = np.empty((int(self._starts[-1]), self._embed_dim), np.float32)
        for start, shard in zip(self._starts, self._manifest["shards"], strict=False):
            embeddings[start : start + shard["rows"]] = read_embeddings(self._read(shard["file"]))
        return embeddings

    def thumbnail(self, row: int) -> bytes | None:
        """Return a tile's small picture as JPEG, None if the gallery holds none."""
        shard = int(np.searchsorted(self._starts, row, side="right")) - 1
        pictures = self._thumbnails_of(shard)
        inside = int(row - self._starts[shard])
        picture = None if pictures is None else pictures[inside].as_py()
        return None if picture is None else bytes(picture)

    @cached_property
    def _plan_file(self) -> CheckedFile | None:
        files = self._manifest["files"]
        return open_checked(self._folder, PLAN, files) if blocks_name(PLAN) in files else None

    @cached_property
    def _plan_rows(self) -> Ints | None:
        """The rows int64[R] of the plan that are in the gallery; None: all."""
        bad = [tile["row"] for tile in json.loads(self._read(BAD_TILES))["bad_tiles"]]
        return readable_rows(int(self._manifest["num_planned"]), bad) if bad else None

    def _read_thumbnails(self, shard: int) -> Any:
        return read_thumbnails(self._read(self._manifest["shards"][shard]["file"]))

    def _read(self, name: str) -> bytes:
        return vouched_bytes(self._folder, name, self._manifest["files"])

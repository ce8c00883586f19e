"""A finished gallery, opened for reading; everything read is verified on the way in."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from georet.errors import DataError
from georet.gallery.files.additions import Additions
from georet.gallery.files.journal import blocks_name
from georet.gallery.files.manifest import MANIFEST, read_sealed, vouched_bytes
from georet.gallery.files.parquet import (
    read_centres,
    read_embeddings,
    read_plan,
    read_some,
    read_thumbnails,
)
from georet.gallery.files.plan import BUILD, PLAN, check_format
from georet.gallery.files.seal import BAD_TILES, readable_rows
from georet.gallery.mapped import InMemory, MappedRows, OpenedFile, can_map, open_checked
from georet.identity import EncoderIdentity
from georet.search.blocks import CheckedFile
from georet.tiles.table import TileTable
from georet.types import Doubles, Floats, Ints

_SHARDS_KEPT = 8
IN_MEMORY: Final = 2**28
"""Bytes of fp32 embeddings up to which all are read into memory: it is faster there."""


class StoredGallery:
    """R tiles with their embeddings, thumbnails, indexes and calibration, in one folder.

    ``manifest`` is the content of ``gallery.json``. Rows 0..R-1 are the readable tiles in the
    order of the plan; every method means those.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path, self.manifest = path, manifest
        where = str(path / MANIFEST)
        self.encoder = EncoderIdentity.from_json(manifest["settings"]["encoder"], where=where)
        self.added = Additions(path)
        ends = np.cumsum([shard["rows"] for shard in manifest["shards"]])
        self._starts = np.concatenate([[0], ends]).astype(np.int64)
        self._thumbnails_of = lru_cache(_SHARDS_KEPT)(self._read_thumbnails)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a gallery; IntegrityError if its manifest changed, DataError if there is none."""
        folder = Path(path)
        if not (folder / MANIFEST).is_file():
            raise _no_gallery(folder)
        manifest = read_sealed(folder / MANIFEST)
        check_format(manifest, folder / MANIFEST)
        return cls(folder, manifest)

    def __len__(self) -> int:
        return int(self.manifest["num_tiles"])

    @cached_property
    def tiles(self) -> TileTable:
        """The table of the R tiles."""
        planned = read_plan(self.read(PLAN))
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
        manifest = self.manifest
        if not can_map(manifest["shards"], manifest["files"]):
            return None
        return MappedRows(
            self.path,
            manifest["shards"],
            manifest["files"],
            embed_dim=self.encoder.embed_dim,
            storage=manifest["settings"]["storage"],
        )

    @property
    def rows(self) -> MappedRows | InMemory:
        """The embeddings as something to take rows and blocks from.

        From disk where they would not fit well into memory, or have not been read yet.
        """
        mapped = self.mapped
        num_bytes = 4 * len(self) * self.encoder.embed_dim
        if mapped is None or "embeddings" in self.__dict__ or num_bytes <= IN_MEMORY:
            return InMemory(self.embeddings)
        return mapped

    @cached_property
    def _plan_file(self) -> CheckedFile | None:
        files = self.manifest["files"]
        return open_checked(self.path, PLAN, files) if blocks_name(PLAN) in files else None

    @cached_property
    def _plan_rows(self) -> Ints | None:
        """The rows int64[R] of the plan that are in the gallery; None: all."""
        bad = [tile["row"] for tile in json.loads(self.read(BAD_TILES))["bad_tiles"]]
        return readable_rows(int(self.manifest["num_planned"]), bad) if bad else None

    @cached_property
    def embeddings(self) -> Floats:
        """The embeddings float32[R, D], of unit length, all in memory.

        IntegrityError names a changed shard.
        """
        if self.mapped is not None:
            return self.mapped.whole()
        embeddings = np.empty((len(self), self.encoder.embed_dim), np.float32)
        for start, shard in zip(self._starts, self.manifest["shards"], strict=False):
            embeddings[start : start + shard["rows"]] = read_embeddings(self.read(shard["file"]))
        return embeddings

    def thumbnail(self, row: int) -> bytes | None:
        """Return a tile's small picture as JPEG, None if the gallery holds none."""
        shard, inside = self.place_of(row)
        pictures = self._thumbnails_of(shard)
        picture = None if pictures is None else pictures[inside].as_py()
        return None if picture is None else bytes(picture)

    def place_of(self, row: int) -> tuple[int, int]:
        """Return the shard that holds a row of the gallery, and the row within the shard."""
        shard = int(np.searchsorted(self._starts, row, side="right")) - 1
        return shard, int(row - self._starts[shard])

    def read(self, name: str) -> bytes:
        """Return the bytes of one of the gallery's own files; IntegrityError if it was changed."""
        return vouched_bytes(self.path, name, self.manifest["files"])

    def save_addition(self, name: str, content: bytes) -> None:
        """Add a file to the gallery, or replace it, with its hash in ``extras.json``."""
        self.added.save(name, content)

    def read_addition(self, name: str) -> bytes | None:
        """Return an added file, None if there is none; IntegrityError if it was changed."""
        return self.added.read(name)

    @property
    def additions(self) -> tuple[str, ...]:
        """The names of the added files."""
        return tuple(self.added.files)

    def _read_thumbnails(self, shard: int) -> Any:
        return read_thumbnails(self.read(self.manifest["shards"][shard]["file"]))


def _no_gallery(folder: Path) -> DataError:
    if (folder / BUILD).is_file():
        return DataError(
            "is not finished",
            where=str(folder),
            hint="Run the `georet gallery build` that began it once more; it goes on.",
        )
    return DataError(
        f"is no gallery: it has no {MANIFEST}",
        where=str(folder),
        hint="`georet gallery build SOURCE --encoder RUN --out FOLDER` makes one.",
    )

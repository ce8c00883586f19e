"""Several galleries that are searched as one: by reference, nothing of them is copied."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from georet.contracts.searching import Searchable
from georet.errors import DataError, IntegrityError, UsageError
from georet.files import replaced_folder
from georet.gallery.contents import Contents
from georet.gallery.files.manifest import MANIFEST, hash_of, write_sealed
from georet.gallery.files.plan import FORMAT
from georet.identity import EncoderIdentity, check_comparable
from georet.search.asking import ask
from georet.search.rows import Stored
from georet.tiles.table import TileTable
from georet.types import Bools, Doubles, Floats, Ints
from georet.version import __version__

PARTS: Final = "parts"


class Part(Contents, Protocol):
    """A gallery that is, or will be, one of several."""

    path: Path
    manifest: dict[str, Any]
    encoder: EncoderIdentity

    def __len__(self) -> int: ...


Opens = Callable[[Path], Part]


def join_galleries(galleries: Sequence[Part], out: Path, *, prefixed: bool = False) -> Path:
    """Write a folder ``out`` by which several galleries of one encoder are searched as one.

    It names them by relative paths and by the hashes of their manifests. Where ``prefixed``, a
    tile's id begins with its gallery's name and a slash. UsageError for other encoders, or where
    ``out`` exists, DataError for an id that two of them have.
    """
    if out.exists():
        raise UsageError("exists already", where=str(out), hint="Choose another --out.")
    first = galleries[0]
    for gallery in galleries[1:]:
        check_comparable(gallery.encoder, first.encoder, str(gallery.path))
    names = [gallery.path.resolve().name.removesuffix(".gallery") for gallery in galleries]
    _check_ids(galleries, names, prefixed=prefixed)
    storages = {gallery.manifest["settings"]["storage"] for gallery in galleries}
    origin = [
        {"key": hash_of(gallery.manifest), "source": gallery.manifest["settings"]["source"]}
        for gallery in galleries
    ]
    settings = {
        "source": {"kind": "joined", "of": origin},
        "encoder": first.encoder.as_json(),
        "storage": storages.pop() if len(storages) == 1 else "mixed",
    }
    parts = [
        {
            "path": os.path.relpath(gallery.path.resolve(), out.resolve()),
            "prefix": f"{name}/" if prefixed else "",
            "sha256": hash_of(gallery.manifest),
            "num_tiles": len(gallery),
        }
        for gallery, name in zip(galleries, names, strict=True)
    ]
    with replaced_folder(out) as folder:
        folder.mkdir()
        manifest = {
            "format": FORMAT,
            "georet": __version__,
            "key": hash_of(settings),
            "settings": settings,
            "encoder_source": first.manifest["encoder_source"],
            "num_tiles": sum(len(gallery) for gallery in galleries),
            "num_bad": sum(int(gallery.manifest["num_bad"]) for gallery in galleries),
            "shards": [],
            "files": {},
            PARTS: parts,
        }
        write_sealed(folder / MANIFEST, manifest)
    return out


def _check_ids(galleries: Sequence[Part], names: Sequence[str], *, prefixed: bool) -> None:
    if prefixed:
        if len(set(names)) < len(names):
            raise UsageError(
                "two galleries have the same name, which prefixes can't tell apart",
                where=", ".join(str(gallery.path) for gallery in galleries),
                hint="Rename one of the folders.",
            )
        return
    seen: dict[str, Path] = {}
    for gallery in galleries:
        for name in gallery.tiles.ids:
            if name in seen:
                raise DataError(
                    f"has a tile {name!r}, and so has {seen[name]}",
                    where=str(gallery.path),
                    hint="--prefix puts the gallery's name before each id.",
                )
        seen |= dict.fromkeys(gallery.tiles.ids, gallery.path)


class JoinedContents:
    """The tiles of several galleries, one after another; each is opened when it is needed."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any], opens: Opens) -> None:
        self._folder, self._parts, self._open = folder, manifest[PARTS], opens
        self._opened: dict[int, Part] = {}
        self._embed_dim = int(manifest["settings"]["encoder"]["embed_dim"])
        self.starts: Ints = np.cumsum([0, *(int(p["num_tiles"]) for p in self._parts)])

    def part(self, number: int) -> Part:
        """Return one of the galleries; IntegrityError where it is not the one that was joined."""
        if number not in self._opened:
            entry = self._parts[number]
            path = Path(os.path.normpath(self._folder / entry["path"]))
            gallery = self._open(path)
            if hash_of(gallery.manifest) != entry["sha256"]:
                raise IntegrityError(
                    "is not the gallery that was joined: its manifest differs",
                    where=str(path),
                    hint="Join the galleries again: georet gallery join ... --out NEW",
                )
            self._opened[number] = gallery
        return self._opened[number]

    @property
    def parts(self) -> list[Part]:
        """All galleries."""
        return [self.part(number) for number in range(len(self._parts))]

    @cached_property
    def tiles(self) -> TileTable:
        """The table of all tiles."""
        tables = [part.tiles for part in self.parts]
        ids = [f"{e['prefix']}{i}" for e, t in zip(self._parts, tables, strict=True) for i in t.ids]
        return TileTable(
            ids,
            np.concatenate([table.latlon for table in tables]),
            np.concatenate([table.corners_latlon for table in tables]),
            np.concatenate([table.side_m for table in tables]),
        )

    @cached_property
    def centres(self) -> tuple[Doubles, Doubles]:
        """Centres latlon float64[R, 2] and sides side_m float64[R]."""
        centres = [part.centres for part in self.parts]
        latlon, side_m = (np.concatenate(values) for values in zip(*centres, strict=True))
        return latlon, side_m

    def tiles_at(self, rows: Ints) -> TileTable:
        """Return the table of the tiles of rows int64[M], in that order."""
        if not len(rows):
            return self.part(0).tiles_at(rows)
        tables, places = [], []
        for number, place in self._shared(rows):
            table = self.part(number).tiles_at(rows[place] - self.starts[number])
            prefix = self._parts[number]["prefix"]
            ids = [f"{prefix}{name}" for name in table.ids]
            tables.append(TileTable(ids, table.latlon, table.corners_latlon, table.side_m))
            places.append(place)
        order = np.argsort(np.concatenate(places))
        return TileTable(
            [name for table in tables for name in table.ids],
            np.concatenate([table.latlon for table in tables]),
            np.concatenate([table.corners_latlon for table in tables]),
            np.concatenate([table.side_m for table in tables]),
        ).take(order)

    @property
    def has_rows(self) -> bool:
        """Whether all galleries have their shards."""
        return all(part.has_rows for part in self.parts)

    @property
    def rows(self) -> Stored:
        """The embeddings of all, each gallery's where it keeps them, opened when they are read."""
        return JoinedRows(self.starts, self._embed_dim, lambda number: self.part(number).rows)

    @property
    def embeddings(self) -> Floats:
        """All embeddings float32[R, D], in memory."""
        return self.rows.whole()

    def thumbnail(self, row: int) -> bytes | None:
        """Return a tile's small picture as JPEG, None if there is none."""
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.part(number).thumbnail(row - int(self.starts[number]))

    def _shared(self, rows: Ints) -> Iterator[tuple[int, Ints]]:
        """Yield (gallery, places among the rows int64[M] that are its)."""
        owner = np.searchsorted(self.starts, rows, side="right") - 1
        for number in np.unique(owner).tolist():
            yield number, np.flatnonzero(owner == number)


class JoinedRows:
    """The embeddings of several galleries, one after another."""

    def __init__(self, starts: Ints, embed_dim: int, part: Callable[[int], Stored]) -> None:
        self._starts, self._part = starts, part
        self.shape = (int(starts[-1]), embed_dim)

    def take(self, rows: Ints) -> Floats:
        """Return the embeddings float32[M, D] of rows int64[M], in that order."""
        rows = np.asarray(rows, np.int64)
        out = np.empty((len(rows), self.shape[1]), np.float32)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(owner).tolist():
            place = np.flatnonzero(owner == number)
            out[place] = self._part(number).take(rows[place] - self._starts[number])
        return out

    def blocks(self, wanted: Bools | None = None) -> Iterator[tuple[int, Floats]]:
        """Yield (first row, embeddings float32[m, D]), of ``wanted`` galleries and blocks alone."""
        for number, (start, end) in enumerate(pairwise(self._starts.tolist())):
            own = None if wanted is None else wanted[start:end]
            if own is None or own.any():
                for first, some in self._part(number).blocks(own):
                    yield start + first, some

    def whole(self) -> Floats:
        """Return all of them, in memory."""
        parts = range(len(self._starts) - 1)
        return np.concatenate([self._part(number).whole() for number in parts])


class JoinedIndex:
    """The best of what the galleries' own indexes find; those without an allowed row rest."""

    def __init__(self, contents: JoinedContents, open_part: Callable[[Part], Searchable]):
        self._contents, self._open_part = contents, open_part
        self._indexes: dict[int, Searchable] = {}

    def search(self, queries: Floats, k: int, region: Bools | None = None) -> tuple[Floats, Ints]:
        """Return scores float32[Q, k] and rows int64[Q, k], best first, -1 pads."""
        scores, rows = [], []
        starts = self._contents.starts
        for number in range(len(starts) - 1):
            start, end = int(starts[number]), int(starts[number + 1])
            own = None if region is None else region[start:end]
            if end == start or (own is not None and not own.any()):
                continue
            if number not in self._indexes:
                self._indexes[number] = self._open_part(self._contents.part(number))
            found, ids = ask(self._indexes[number], queries, k, own)
            scores.append(found)
            rows.append(np.where(ids < 0, -1, ids + start))
        if not rows:
            shape = (len(queries), k)
            return np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int64)
        every, own_rows = np.concatenate(scores, axis=1), np.concatenate(rows, axis=1)
        order = np.argsort(-every, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(every, order, axis=1), np.take_along_axis(own_rows, order, axis=1)

"""A finished gallery, opened for reading; everything read is verified on the way in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from georet.errors import DataError
from georet.gallery.contents import Contents, OwnContents
from georet.gallery.files.additions import Additions
from georet.gallery.files.manifest import MANIFEST, read_sealed, vouched_bytes
from georet.gallery.files.plan import BUILD, check_format
from georet.gallery.joined import PARTS, JoinedContents
from georet.identity import EncoderIdentity
from georet.search.rows import Stored
from georet.tiles.table import TileTable
from georet.types import Doubles, Floats, Ints


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
        self.contents: Contents
        if PARTS in manifest:
            self.contents = JoinedContents(path, manifest, StoredGallery.open)
        else:
            self.contents = OwnContents(path, manifest, self.encoder.embed_dim)

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

    @property
    def tiles(self) -> TileTable:
        """The table of the R tiles."""
        return self.contents.tiles

    @property
    def centres(self) -> tuple[Doubles, Doubles]:
        """Centres latlon float64[R, 2] and sides side_m float64[R], read without the rest."""
        return self.contents.centres

    def tiles_at(self, rows: Ints) -> TileTable:
        """Return the table of the tiles of rows int64[M], in that order; little else is read."""
        return self.contents.tiles_at(rows)

    @property
    def has_rows(self) -> bool:
        """Whether the shards are there, which hold embeddings and thumbnails."""
        return self.contents.has_rows

    @property
    def rows(self) -> Stored:
        """The embeddings as something to take rows and blocks from, in memory or on disk."""
        return self.contents.rows

    @property
    def embeddings(self) -> Floats:
        """The embeddings float32[R, D], of unit length, all in memory.

        IntegrityError names a changed shard.
        """
        return self.contents.embeddings

    def thumbnail(self, row: int) -> bytes | None:
        """Return a tile's small picture as JPEG, None if the gallery holds none."""
        return self.contents.thumbnail(row)

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

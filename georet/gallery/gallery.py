"""``Gallery``: a finished gallery, opened; everything read from it is verified on the way in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from georet.errors import DataError, UsageError
from georet.gallery.encoders import open_encoder
from georet.gallery.extras import Extras
from georet.gallery.indexes import open_index
from georet.gallery.manifest import MANIFEST, read_sealed, vouched_bytes
from georet.gallery.parquet import read_embeddings, read_plan, read_thumbnails
from georet.gallery.plan import BUILD, PLAN, check_format
from georet.gallery.seal import BAD_TILES, readable_rows
from georet.gallery.store import SHARD_SIZE, write_gallery
from georet.gallery.tiles import TileSource, TileTable
from georet.identity import EncoderIdentity
from georet.protocols import Index, Session
from georet.sessions import AUTO, SessionSpec
from georet.types import QUERY, REFERENCE, Floats, Ints, Pixels

if TYPE_CHECKING:
    from georet.gallery.region import Region
    from georet.gallery.shards import Opens
    from georet.gallery.sources import Tiling
    from georet.locate import Location, Locator, Prior

_SHARDS_KEPT = 8


class Gallery:
    """R tiles with their embeddings, thumbnails, indexes and calibration, in one folder.

    ``manifest`` is the content of ``gallery.json``. Rows 0..R-1 are the readable tiles in the
    order of the plan; every method means those.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path, self.manifest = path, manifest
        where = str(path / MANIFEST)
        self.encoder = EncoderIdentity.from_json(manifest["settings"]["encoder"], where=where)
        self._extras = Extras(path)
        ends = np.cumsum([shard["rows"] for shard in manifest["shards"]])
        self._starts = np.concatenate([[0], ends]).astype(np.int64)
        self._locators: dict[str, Locator] = {}
        self._thumbnails_of = lru_cache(_SHARDS_KEPT)(self._read_thumbnails)

    @classmethod
    def open(cls, path: Path | str) -> Gallery:
        """Open a gallery; IntegrityError if its manifest changed, DataError if there is none."""
        folder = Path(path)
        if not (folder / MANIFEST).is_file():
            raise _no_gallery(folder)
        manifest = read_sealed(folder / MANIFEST)
        check_format(manifest, folder / MANIFEST)
        return cls(folder, manifest)

    @classmethod
    def build(
        cls,
        source: str | Path | TileSource,
        encoder: Path | str | Opens,
        out: Path | str,
        *,
        tiling: Tiling | None = None,
        storage: str = "fp32",
        shard_size: int = SHARD_SIZE,
        workers: int = 0,
        thumbnails: bool = True,
        bad_tile_quota: float = 0.0,
        batch_size: int = 64,
    ) -> Gallery:
        """Cut a source into tiles, embed them, and open the gallery; as ``build_gallery``.

        ``encoder`` is the folder of a run or of an exported artefact, or a ``SessionSpec`` for the
        reference view, which says more.
        """
        from georet.gallery.build import build_gallery

        if isinstance(encoder, str | Path):
            encoder = SessionSpec(Path(encoder), view=REFERENCE)
        build_gallery(
            source,
            encoder,
            Path(out),
            tiling=tiling,
            storage=storage,
            shard_size=shard_size,
            workers=workers,
            thumbnails=thumbnails,
            bad_tile_quota=bad_tile_quota,
            batch_size=batch_size,
        )
        return cls.open(out)

    @classmethod
    def from_arrays(
        cls,
        path: Path | str,
        tiles: TileTable,
        embeddings: Floats,
        encoder: EncoderIdentity,
        thumbnails: Sequence[bytes | None] | None = None,
        storage: str = "fp32",
        *,
        shard_size: int = SHARD_SIZE,
        encoder_source: SessionSpec | None = None,
    ) -> Gallery:
        """Write embeddings float32[R, D] of unit length as a gallery, and open it.

        ``thumbnails`` are R JPEGs (None where there is none); ``encoder_source`` is where
        ``session`` finds the encoder later.
        """
        from georet.gallery.encoders import spec_as_json

        def rows_of(rows: Ints) -> tuple[Floats, list[bytes | None] | None]:
            pictures = None if thumbnails is None else [thumbnails[row] for row in rows]
            return embeddings[rows], pictures

        write_gallery(
            Path(path),
            tiles,
            rows_of,
            encoder=encoder,
            source={"kind": "arrays"},
            storage=storage,
            shard_size=shard_size,
            encoder_source=None if encoder_source is None else spec_as_json(encoder_source),
        )
        return cls.open(path)

    def __len__(self) -> int:
        return int(self.manifest["num_tiles"])

    @cached_property
    def tiles(self) -> TileTable:
        """The table of the R tiles."""
        planned = read_plan(self.read(PLAN))
        bad = [tile["row"] for tile in json.loads(self.read(BAD_TILES))["bad_tiles"]]
        return planned.take(readable_rows(len(planned), bad)) if bad else planned

    @cached_property
    def embeddings(self) -> Floats:
        """The embeddings float32[R, D], of unit length; IntegrityError names a changed shard."""
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

    def save_extra(self, name: str, content: bytes) -> None:
        """Add a file to the gallery, or replace it, with its hash in ``extras.json``."""
        self._extras.save(name, content)

    def read_extra(self, name: str) -> bytes | None:
        """Return an added file, None if there is none; IntegrityError if it was changed."""
        return self._extras.read(name)

    @property
    def extras(self) -> tuple[str, ...]:
        """The names of the added files."""
        return tuple(self._extras.files)

    def session(
        self,
        view: str = QUERY,
        *,
        source: Path | None = None,
        backend: str = AUTO,
        plugins: Sequence[str] | None = None,
        blocked: Sequence[str] = (),
    ) -> Session:
        """Open the encoder recorded at the build, or another; UsageError if not comparable."""
        return open_encoder(
            self, view, source=source, backend=backend, plugins=plugins, blocked=blocked
        )

    def index(self, name: str = "exact", *, plugins: Sequence[str] | None = None) -> Index:
        """Return an index over all rows: loaded if it was kept and verifies, else made and kept."""
        return open_index(self, self._extras, name, plugins=plugins)

    def locate(
        self,
        images: Sequence[Path | str | Pixels],
        k: int = 5,
        region: Region | None = None,
        *,
        prior: Prior | Sequence[Prior | None] | None = None,
        fuse: bool = False,
        index: str = "exact",
    ) -> list[Location]:
        """Return where each photo was taken, with ``k`` candidates, by the recorded encoder.

        Photos are files or uint8[H, W, 3], RGB. Raises DataError for an unreadable photo, and
        UsageError where the encoder is not the gallery's.

        The arguments are those of ``georet.locate.Locator``, which is kept for the next call; make
        one yourself for another encoder, calibration or re-ranker.
        """
        from georet.locate import Locator

        if isinstance(images, str | Path):
            raise UsageError(
                f"{str(images)!r} is one photo, wanted is a list", where="images", hint="[photo]"
            )
        if index not in self._locators:
            self._locators[index] = Locator(self, self.session(), index=index)
        photos = [Path(image) if isinstance(image, str) else image for image in images]
        locator = self._locators[index]
        return locator.locate(photos, k=k, region=region, prior=prior, fuse=fuse)

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

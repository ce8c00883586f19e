"""One gallery of several that were built with the same encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError, UsageError
from georet.gallery.files.writing import SHARD_SIZE, write_gallery
from georet.gallery.stored import StoredGallery
from georet.identity import check_comparable
from georet.suggest import hint_for
from georet.tiles.table import TileTable
from georet.types import Floats, Ints

DUPLICATES: Final = ("refuse", "first", "suffix")


def merge_galleries(
    paths: Sequence[Path],
    out: Path,
    *,
    storage: str | None = None,
    shard_size: int = SHARD_SIZE,
    duplicates: str = "refuse",
) -> Path:
    """Write the tiles of several galleries, one after another, as the gallery ``out``.

    A tile's id that an earlier gallery has too is an error (``refuse``), left out (``first``), or
    told apart (``suffix``: ``id@2`` in the second gallery). ``storage`` is by default that of the
    galleries, fp32 where they differ. Indexes and calibration are not carried over.

    Raises UsageError unless all were built with one encoder, DataError for refused ids,
    IntegrityError for a changed file.
    """
    if duplicates not in DUPLICATES:
        raise UsageError(
            f"there is no way {duplicates!r}",
            where="--duplicates",
            hint=hint_for(duplicates, DUPLICATES, "ways"),
        )
    galleries = [StoredGallery.open(path) for path in paths]
    for gallery in galleries[1:]:
        try:
            check_comparable(gallery.encoder, galleries[0].encoder, str(gallery.path))
        except UsageError as error:
            hint = f"Build one of them again: its encoder is not that of {galleries[0].path}."
            raise UsageError(error.what, where=error.where, hint=hint) from error
    tiles, origin = _joined(galleries, duplicates)
    kinds = {gallery.manifest["settings"]["storage"] for gallery in galleries}
    reader = _Reader(galleries, origin)
    write_gallery(
        out,
        tiles,
        reader.rows,
        encoder=galleries[0].encoder,
        source={"kind": "merged", "of": [_origin(gallery) for gallery in galleries]},
        storage=storage or (kinds.pop() if len(kinds) == 1 else "fp32"),
        shard_size=shard_size,
        encoder_source=galleries[0].manifest["encoder_source"],
    )
    return out


def _origin(gallery: StoredGallery) -> dict[str, Any]:
    settings = gallery.manifest["settings"]
    return {"key": gallery.manifest["key"], "source": settings["source"]}


def _joined(galleries: Sequence[StoredGallery], duplicates: str) -> tuple[TileTable, Ints]:
    """Return the table of all tiles, and int64[R, 2]: the gallery of each, and its row there."""
    ids: dict[str, None] = {}
    origin: list[tuple[int, int]] = []
    for number, gallery in enumerate(galleries):
        for row, tile_id in enumerate(gallery.tiles.ids):
            name = tile_id
            if tile_id in ids:
                if duplicates == "refuse":
                    raise DataError(
                        f"has a tile {tile_id!r}, and so has a gallery before it",
                        where=str(gallery.path),
                        hint="--duplicates first leaves the later one out, "
                        "--duplicates suffix keeps both.",
                    )
                if duplicates == "first":
                    continue
                while name in ids:
                    name += f"@{number + 1}"
            ids[name] = None
            origin.append((number, row))
    rows = np.array(origin, np.int64).reshape(-1, 2)
    parts = [g.tiles.take(rows[rows[:, 0] == n, 1]) for n, g in enumerate(galleries)]
    latlon = np.concatenate([part.latlon for part in parts])
    corners = np.concatenate([part.corners_latlon for part in parts])
    side_m = np.concatenate([part.side_m for part in parts])
    return TileTable(list(ids), latlon, corners, side_m), rows


class _Reader:
    """Reads rows of the joined table."""

    def __init__(self, galleries: Sequence[StoredGallery], origin: Ints) -> None:
        self._galleries, self._origin = galleries, origin
        self._has_thumbnails = any(g.thumbnail(0) is not None for g in galleries if len(g))

    def rows(self, rows: Ints) -> tuple[Floats, list[bytes | None] | None]:
        """Return embeddings float32[M, D] and thumbnails [M] of rows int64[M]."""
        origin = self._origin[rows]
        embeddings = np.empty((len(rows), self._galleries[0].encoder.embed_dim), np.float32)
        for number in np.unique(origin[:, 0]).tolist():
            place = np.flatnonzero(origin[:, 0] == number)
            embeddings[place] = self._galleries[number].rows.take(origin[place, 1])
        if not self._has_thumbnails:
            return embeddings, None
        return embeddings, [self._galleries[n].thumbnail(row) for n, row in origin.tolist()]

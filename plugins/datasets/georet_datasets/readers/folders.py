"""Trees with one folder a building: what University-1652, SUES-200 and DenseUAV have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from georet.errors import DataError
from georet.types import JUNK_ID, QUERY, REFERENCE, Doubles, EvaluationSet, ImageTable, Ints
from georet_datasets.readers.files import Origin
from georet_datasets.readers.left_out import LeftOut, image_names, subfolders


def read_folder(
    folder: Path, left_out: LeftOut, *, below: str = "", only: Sequence[str] | None = None
) -> ImageTable:
    """Return the images ``folder/{id}/{below}/*``, with the column ``building`` of their ids.

    Sorted by file name and then by id, so that the first image of each building comes before the
    second one of any. ``only`` are the ids to read, by default all. Folders without an image,
    hidden files and those that don't end like an image are added to ``left_out`` and told on
    stderr. DataError, naming the folder and where the data set comes from, where a folder is
    missing or no image is found at all.
    """
    origin, found = left_out.origin, list[tuple[str, str, Path]]()
    for name in only if only is not None else subfolders(folder, origin, left_out):
        inner = folder / name / below
        images = image_names(inner, origin, left_out, folder)
        found += [(image, name, inner / image) for image in images]
    left_out.tell()
    if not found:
        raise origin.missing(folder, "holds no folder with images")
    found.sort(key=lambda entry: entry[:2])
    return ImageTable(
        [f"{name}/{image}" for image, name, _ in found],
        [path for *_, path in found],
        columns={"building": np.array([name for _, name, _ in found])},
        name=f"{origin.name} {folder.name}",
    )


def rows_by_building(table: ImageTable) -> dict[str, list[int]]:
    """Return the rows of each building of a table that ``read_folder`` made."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(table.columns["building"].tolist()):
        rows.setdefault(name, []).append(row)
    return rows


def one_tile_each(tiles: ImageTable, origin: Origin) -> dict[str, int]:
    """Return the row of each building's one tile; DataError for a building with several."""
    rows = rows_by_building(tiles)
    for name, several in rows.items():
        if len(several) > 1:
            where, what = str(tiles.paths[several[1]].parent), f"{len(several)} tiles of {name!r}"
            raise DataError(f"{what}, {origin.name} has one", where=where, hint=origin.hint)
    return {name: several[0] for name, several in rows.items()}


def pair_with_tiles(photos: ImageTable, tiles: ImageTable, origin: Origin) -> Ints:
    """Return int64[N, 2]: each photo with its building's one tile; DataError if it has none."""
    tile_of = one_tile_each(tiles, origin)
    buildings = photos.columns["building"].tolist()
    for row, name in enumerate(buildings):
        if name not in tile_of:
            raise DataError(
                f"building {name!r} has no tile",
                where=str(photos.paths[row].parent),
                hint=f"There is no {name} beside {tiles.paths[0].parent}.\n  {origin.hint}",
            )
    return np.stack([np.arange(len(photos)), [tile_of[name] for name in buildings]], axis=1)


def by_building(
    queries: ImageTable,
    gallery: ImageTable,
    protocol: str,
    about: str,
    *,
    query_view: str = QUERY,
    gallery_view: str = REFERENCE,
) -> EvaluationSet:
    """Return the set in which a query's positives are all gallery rows of its building.

    A building that the gallery lacks leaves its queries without a match; id -1 is junk.
    """
    rows = rows_by_building(gallery)
    junk = np.array(rows.pop(JUNK_ID, []), np.int64)
    positives = [rows.get(name, []) for name in queries.columns["building"].tolist()]
    return EvaluationSet(
        queries, gallery, positives, protocol, junk, about, query_view, gallery_view
    )


def located(table: ImageTable, latlon_of: dict[str, tuple[float, float]], where: str) -> ImageTable:
    """Return the table with the position of each image's building; DataError for one without."""
    buildings = table.columns["building"].tolist()
    for name in buildings:
        if name not in latlon_of:
            raise DataError(f"has no position of {name!r}, a folder of {table.name}", where=where)
    latlon: Doubles = np.array([latlon_of[name] for name in buildings], np.float64)
    return ImageTable(table.ids, table.paths, latlon, table.columns, table.name)

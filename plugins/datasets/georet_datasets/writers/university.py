"""Writes any data set in the layout of University-1652, which ``University1652`` reads back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from georet.errors import DataError
from georet.types import JUNK_ID, EvaluationSet, Ints, PairTable
from georet_datasets.writers.copying import Copies, first_set

VIEWS: Final = ("street", "google")


def write(pairs: PairTable, evaluations: Mapping[str, EvaluationSet], directory: Path) -> None:
    """Write the pairs, and the first evaluation set in both directions, below a folder.

    A building is a reference, with the queries paired with it; file names are numbers that keep
    the order of pairs, queries and gallery. Images are copied byte for byte; further views called
    ``street`` and ``google`` are written too. Positions, metadata, semi-positives and other
    evaluation sets have no place in this layout. DataError where positives are not the gallery
    images of one building, or where there is no evaluation set.
    """
    copies = Copies(directory)
    _write_test(first_set(evaluations, "university-1652"), copies)
    _write_train(pairs, copies)
    copies.finish()


def _write_train(pairs: PairTable, copies: Copies) -> None:
    for row, path in enumerate(pairs.references.paths):
        copies.put(path, f"train/satellite/{row:06d}/{row:06d}")
    for number, (query, reference) in enumerate(pairs.pairs[:, :2].tolist()):
        copies.put(pairs.queries.paths[query], f"train/drone/{reference:06d}/{number:06d}")
    for column, name in enumerate(pairs.views):
        if name not in VIEWS:
            continue
        for number, (reference, row) in enumerate(pairs.pairs[:, [1, column]].tolist()):
            if row >= 0:
                source = pairs.views[name].paths[row]
                copies.put(source, f"train/{name}/{reference:06d}/{number:06d}")


def _write_test(which: EvaluationSet, copies: Copies) -> None:
    building_of_query, building_of_tile = _buildings(which)
    asked = set(building_of_query.tolist())
    for row, building in enumerate(building_of_tile.tolist()):
        name, path = JUNK_ID if building < 0 else f"{building:06d}", which.gallery.paths[row]
        copies.put(path, f"test/gallery_satellite/{name}/{row:06d}")
        if building in asked:
            copies.put(path, f"test/query_satellite/{name}/{row:06d}")
    for row, building in enumerate(building_of_query.tolist()):
        for folder in ("query_drone", "gallery_drone"):
            path = which.queries.paths[row]
            copies.put(path, f"test/{folder}/{building:06d}/{row:06d}")


def _buildings(which: EvaluationSet) -> tuple[Ints, Ints]:
    """Return the building of each query int64[Q] and of each gallery image int64[R], -1: junk.

    A building is a set of gallery images that are positives of the same queries. A query without a
    match and a gallery image that nothing asks for are buildings of their own.
    """
    num_tiles = len(which.gallery)
    positives = [_rows(found, which.positives) for found in which.positives]
    of_tile = np.full(num_tiles, -1)
    of_query = np.arange(len(positives)) + num_tiles
    size: dict[int, int] = {}
    for query, rows in enumerate(positives):
        if not rows:
            continue
        building = rows[0]
        if size.setdefault(building, len(rows)) != len(rows) or any(
            of_tile[row] not in (-1, building) for row in rows
        ):
            raise DataError(
                f"query {which.queries.ids[query]!r} shares but some of its positives with another",
                where=which.queries.name,
                hint="University-1652 has one set of tiles a building; use --layout pairs-csv.",
            )
        of_tile[rows], of_query[query] = building, building
    free = np.setdiff1d(np.flatnonzero(of_tile < 0), which.junk if which.junk is not None else [])
    of_tile[free] = free
    return of_query, of_tile


def _rows(found: object, positives: object) -> list[int]:
    """Return a query's positives, ascending, without a table's semi-positives."""
    rows = np.ravel(np.asarray(found, np.int64))
    known = rows[:1] if isinstance(positives, np.ndarray) else rows
    return sorted(int(row) for row in known if row >= 0)

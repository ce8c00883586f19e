"""CVUSA: 35,532 pairs of a ground panorama and a tile for training, 8,884 to be judged.

Layout and split are those of Zhai et al. (CVPR 2017) as Sample4Geo reads them: see ``Cvusa``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from georet.errors import DataError
from georet.progress import say
from georet.types import QUERY, REFERENCE, Doubles, EvaluationSet, ImageTable, PairTable
from georet_datasets.readers.files import (
    Missing,
    Origin,
    Row,
    check_filled,
    check_unique,
    inside,
    present_rows,
    read_rows,
    tell_counts,
    tell_overlap,
)

ORIGIN: Final = Origin("CVUSA", "https://mvrl.cse.wustl.edu/datasets/cvusa/")
SPLITS: Final = {"train": "splits/train-19zl.csv", "val": "splits/val-19zl.csv"}
LOCATIONS: Final = "split_locations/all.csv"
PUBLISHED: Final = {"train": 35_532, "val": 8_884}
_LOCATION_NAMES: Final = ("sat_lat", "sat_lon", "ground_lat", "ground_lon")


class Cvusa:
    """The data set below ``root``: ``splits/*.csv`` list tile, panorama and annotation.

    An id is the number that the tile's file is called by; row id - 1 of
    ``split_locations/all.csv`` (tile's and panorama's latitude and longitude) is its position.
    Without that file there are no positions, and a warning says so. ``missing``: whether ids
    without an image are an error, left out, or kept (``data.bad_image_quota`` then decides).
    """

    def __init__(self, *, root: Path, missing: Missing = "error") -> None:
        self.root, self.missing = Path(root), missing
        self._tables: dict[str, dict[str, ImageTable]] = {}
        self._positions: Doubles | None = None

    def train(self) -> PairTable:
        """Return the training pairs, 1:1."""
        views = self._views("train")
        rows = np.arange(len(views[QUERY]))
        return PairTable(views, np.stack([rows, rows], axis=1))

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return one set, ``val``: its panoramas among its tiles."""
        views = self._views("val")
        positives = np.arange(len(views[QUERY]))[:, None]
        about = "panoramas of the validation split among its tiles"
        return {
            "val": EvaluationSet(
                views[QUERY], views[REFERENCE], positives, "cvusa/sample4geo", about=about
            )
        }

    def _views(self, split: str) -> dict[str, ImageTable]:
        if split not in self._tables:
            self._tables[split] = self._read(split)
            if len(self._tables) == len(SPLITS):
                tell_overlap(ORIGIN, *(self._tables[name][QUERY].ids for name in SPLITS))
        return self._tables[split]

    def _read(self, split: str) -> dict[str, ImageTable]:
        split_path = self.root / SPLITS[split]
        rows = read_rows(split_path, ORIGIN, num_cells=(2, 3))
        check_filled(len(rows), [split_path], ORIGIN, f"pairs for {split}")
        tiles = [inside(self.root, row.cells[0], row.where) for row in rows]
        panoramas = [inside(self.root, row.cells[1], row.where) for row in rows]
        ids = [_number(tile, row) for tile, row in zip(tiles, rows, strict=True)]
        check_unique([str(number) for number in ids], [row.where for row in rows])
        kept = present_rows(ORIGIN, [tiles, panoramas], self.missing, f"pairs for {split}")
        tell_counts(ORIGIN, {f"pairs for {split}": (len(kept), PUBLISHED[split])})
        latlon = self._latlon(np.array(ids)[kept], split_path)
        return {
            view: ImageTable(
                [str(ids[row]) for row in kept],
                [paths[row] for row in kept],
                None if latlon is None else latlon[:, columns],
                name=f"CVUSA {split} {view}",
            )
            for view, paths, columns in (
                (QUERY, panoramas, slice(2, 4)),
                (REFERENCE, tiles, slice(0, 2)),
            )
        }

    def _latlon(
        self, ids: np.ndarray[tuple[int], np.dtype[np.int64]], split_path: Path
    ) -> Doubles | None:
        """Return float64[M, 4] of the given ids: the tile's position, then the panorama's."""
        path = self.root / LOCATIONS
        if self._positions is None:
            if not path.exists():
                say(f"warning: CVUSA: no {path}, so that images have no positions")
                return None
            self._positions = _read_locations(path)
        outside = ids[(ids < 1) | (ids > len(self._positions))]
        if len(outside):
            raise DataError(
                f"id {outside[0]} has no row in {path}, which has {len(self._positions)}",
                where=str(split_path),
                hint="Row id - 1 of that file belongs to an id.",
            )
        return self._positions[ids - 1]


def _read_locations(path: Path) -> Doubles:
    rows = read_rows(path, ORIGIN, num_cells=(4, 5))
    numbers = [_location(row) for row in rows]
    return np.array(numbers, dtype=np.float64).reshape(-1, len(_LOCATION_NAMES))


def _location(row: Row) -> list[float]:
    return [
        row.number(cell, name=name, limit=90 if name.endswith("lat") else 180)
        for cell, name in enumerate(_LOCATION_NAMES)
    ]


def _number(tile: Path, row: Row) -> int:
    if not (tile.stem.isascii() and tile.stem.isdecimal()):
        raise DataError(
            f"tile {tile.name!r} is not called by a number, which is its id", where=row.where
        )
    return int(tile.stem)

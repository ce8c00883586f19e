"""VIGOR's lists: the tiles of a city, and its panoramas with positive and semi-positive tiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import numpy as np

from georet.errors import DataError
from georet_datasets.readers.files import Origin, Row, as_float, check_unique, inside, read_rows

ORIGIN: Final = Origin("VIGOR", "https://github.com/Jeff-Zilence/VIGOR")
TILES: Final = "satellite_list.txt"
BALANCED: Final = "pano_label_balanced.txt"
SAME_TRAIN: Final = "same_area_balanced_train.txt"
SAME_TEST: Final = "same_area_balanced_test.txt"
NUM_TILES: Final = 4
"""A panorama's positive and its three semi-positives."""


class Tile(NamedTuple):
    """A tile, called by its file's name, with its centre in degrees."""

    name: str
    path: Path
    latlon: tuple[float, float]


class Label(NamedTuple):
    """A panorama, its tiles (the positive first) and its place on each, in pixels from the centre.

    ``latlon`` is None where the file's name doesn't tell it.
    """

    name: str
    path: Path
    tiles: list[str]
    offsets_px: list[tuple[float, float]]
    latlon: tuple[float, float] | None


def read_tiles(root: Path, list_path: Path, city: str) -> list[Tile]:
    """Return the tiles of a city in the list's order."""
    rows = read_rows(list_path, ORIGIN, num_cells=(1,), white_space=True)
    check_unique([row.cells[0] for row in rows], [row.where for row in rows])
    folder = _folder(root, f"satellite/{city}", f"{city}/satellite")
    return [
        Tile(row.cells[0], inside(root, f"{folder}/{row.cells[0]}", row.where), _centre(row))
        for row in rows
    ]


def read_labels(root: Path, list_path: Path, city: str, tiles: Sequence[Tile]) -> list[Label]:
    """Return the panoramas of a city in the list's order; their tiles are among ``tiles``.

    A line names the panorama, then each tile followed by two offsets. The published lists have a
    positive and three semi-positives in each; fewer semi-positives are read too.
    """
    counts = [1 + 3 * num for num in range(1, NUM_TILES + 1)]
    rows = read_rows(list_path, ORIGIN, num_cells=counts, white_space=True)
    check_unique([row.cells[0] for row in rows], [row.where for row in rows])
    known = {tile.name for tile in tiles}
    folder = _folder(root, f"ground/{city}", f"{city}/panorama")
    return [_label(root, folder, row, known) for row in rows]


def _label(root: Path, folder: str, row: Row, known: set[str]) -> Label:
    name, tiles = row.cells[0], row.cells[1::3]
    for tile in tiles:
        if tile not in known:
            raise DataError(f"tile {tile!r} is not in {TILES}", where=row.where, hint=ORIGIN.hint)
    pairs = zip(row.cells[2::3], row.cells[3::3], strict=True)
    offsets = [(_pixels(x, row), _pixels(y, row)) for x, y in pairs]
    offsets += [(np.nan, np.nan)] * (NUM_TILES - len(offsets))
    path = inside(root, f"{folder}/{name}", row.where)
    return Label(name, path, tiles, offsets, _position(name, row))


def _pixels(text: str, row: Row) -> float:
    return np.nan if text.lower() == "nan" else as_float(text, row.where, name="offset")


def _centre(row: Row) -> tuple[float, float]:
    """Return the centre in ``satellite_{lat}_{lon}.png``."""
    parts = PurePosixPath(row.cells[0]).name.rpartition(".")[0].split("_")
    if len(parts) != 3:
        raise DataError(
            f"{row.cells[0]!r} doesn't tell the tile's centre",
            where=row.where,
            hint="Tiles are called satellite_{lat}_{lon}.png",
        )
    return _latlon(parts[1], parts[2], row)


def _position(name: str, row: Row) -> tuple[float, float] | None:
    """Return the position in ``{id},{lat},{lon},.jpg``, as the panoramas are handed out."""
    parts = name.split(",")
    return _latlon(parts[1], parts[2], row) if len(parts) == 4 else None


def _latlon(latitude: str, longitude: str, row: Row) -> tuple[float, float]:
    return (
        as_float(latitude, row.where, name="latitude", limit=90),
        as_float(longitude, row.where, name="longitude", limit=180),
    )


def _folder(root: Path, ours: str, theirs: str) -> str:
    return theirs if not (root / ours).is_dir() and (root / theirs).is_dir() else ours

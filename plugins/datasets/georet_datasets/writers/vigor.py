"""Writing a data set in the layout of VIGOR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from georet.errors import DataError
from georet.progress import say
from georet.types import Doubles, EvaluationSet, ImageTable, PairTable
from georet_datasets.readers.vigor import CITIES, CROSS_TEST, CROSS_TRAIN
from georet_datasets.readers.vigor_lists import BALANCED, NUM_TILES, SAME_TEST, SAME_TRAIN, TILES
from georet_datasets.writers.tree import Copy, copy_images, file_names, write_lines


class _Part(NamedTuple):
    """Queries with their rows int64[Q, P] of ``tiles``, to be written in one city's list."""

    city: str
    list_name: str
    queries: ImageTable
    rows: Sequence[Sequence[int]]
    tiles: ImageTable


def write(pairs: PairTable, evaluations: Mapping[str, EvaluationSet], directory: Path) -> None:
    """Write the pairs and an evaluation set, as ``same`` area or as ``cross`` area.

    It is the former if the gallery holds all training tiles.

    Each side goes to one city, whose lists keep the order of pairs and gallery; the other cities'
    lists are empty. Tiles become PNG of the same pixels and are called by their centres.
    """
    name, which = next(iter(evaluations.items()))
    is_same = set(pairs.references.paths) <= set(which.gallery.paths)
    parts = _same(pairs, which) if is_same else _cross(pairs, which)
    cities = {part.city: _tile_names(part.tiles) for part in parts}
    copies, taken = [], set[str]()
    for part in parts:
        copies += _write_part(directory, part, cities[part.city], taken)
    for city in CITIES:
        write_lines(directory / "splits" / city / TILES, cities.get(city, []))
        for list_name in {part.list_name for part in parts}:
            if not (directory / "splits" / city / list_name).exists():
                write_lines(directory / "splits" / city / list_name, [])
    copy_images(list(dict.fromkeys(copies)))
    say(f"evaluation set {name!r} is written as area={'same' if is_same else 'cross'}")


def _same(pairs: PairTable, which: EvaluationSet) -> list[_Part]:
    row_of = {path: row for row, path in enumerate(which.gallery.paths)}
    place = np.array([row_of[path] for path in pairs.references.paths])
    rows = [[int(place[r]) for r in line] for line in _answers(pairs)]
    queries = pairs.queries.take(pairs.pairs[:, 0])
    return [
        _Part(CITIES[0], SAME_TRAIN, queries, rows, which.gallery),
        _Part(CITIES[0], SAME_TEST, which.queries, _positives(which), which.gallery),
    ]


def _cross(pairs: PairTable, which: EvaluationSet) -> list[_Part]:
    queries = pairs.queries.take(pairs.pairs[:, 0])
    return [
        _Part(CROSS_TRAIN[0], BALANCED, queries, _answers(pairs), pairs.references),
        _Part(CROSS_TEST[0], BALANCED, which.queries, _positives(which), which.gallery),
    ]


def _answers(pairs: PairTable) -> list[list[int]]:
    """Return for each pair its reference's row, then those of its semi-positives."""
    columns = [pairs.pairs[:, 1:2]]
    columns += [] if pairs.semi_positives is None else [pairs.semi_positives]
    return [[int(row) for row in line if row >= 0] for line in np.concatenate(columns, axis=1)]


def _positives(which: EvaluationSet) -> list[list[int]]:
    if not isinstance(which.positives, np.ndarray) and any(len(p) > 1 for p in which.positives):
        raise DataError("queries have several positives; layout vigor has one and semi-positives")
    rows = [[int(r) for r in np.ravel(line) if r >= 0] for line in which.positives]
    if not all(rows):
        raise DataError("some queries have no match; layout vigor has none such")
    return rows


def _tile_names(tiles: ImageTable) -> list[str]:
    names = [f"satellite_{lat!r}_{lon!r}.png" for lat, lon in _latlon(tiles).tolist()]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"two tiles would be called {twice}", where=tiles.name)
    return names


def _latlon(tiles: ImageTable) -> Doubles:
    if tiles.latlon is None:
        raise DataError(
            "has no positions, and layout vigor calls tiles by their centres", where=tiles.name
        )
    return tiles.latlon


def _write_part(root: Path, part: _Part, names: list[str], taken: set[str]) -> list[Copy]:
    """Write the list of a part, and return the images that it needs."""
    stems = file_names(part.queries.ids, taken)
    if part.queries.latlon is None:
        panoramas = [f"{stem}.jpg" for stem in stems]
    else:
        places = zip(stems, part.queries.latlon.tolist(), strict=True)
        panoramas = [f"{stem},{lat!r},{lon!r},.jpg" for stem, (lat, lon) in places]
    offsets = part.queries.columns.get("offset_px", np.full((len(stems), NUM_TILES, 2), np.nan))
    lines = [
        " ".join([panorama, *_cells(rows[:NUM_TILES], names, offsets[number])])
        for number, (panorama, rows) in enumerate(zip(panoramas, part.rows, strict=True))
    ]
    write_lines(root / "splits" / part.city / part.list_name, lines)
    ground, satellite = root / "ground" / part.city, root / "satellite" / part.city
    sources = zip(part.queries.paths, panoramas, strict=True)
    tiles = zip(part.tiles.paths, names, strict=True)
    copies = [Copy(path, ground / panorama) for path, panorama in sources]
    return copies + [Copy(path, satellite / name) for path, name in tiles]


def _cells(rows: Sequence[int], names: list[str], offsets: Doubles) -> list[str]:
    """Return the tiles of a line, each with its two offsets; nan where they are not known."""
    return [
        cell
        for row, (x, y) in zip(rows, offsets.tolist(), strict=False)
        for cell in (names[row], repr(x), repr(y))
    ]

"""Writing a data set in the layout of CVUSA."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from georet.progress import say
from georet.types import EvaluationSet, PairTable
from georet_datasets.readers.cvusa import LOCATIONS, SPLITS
from georet_datasets.writers.tree import (
    Copy,
    Matched,
    copy_images,
    matched_pairs,
    matched_set,
    write_lines,
)

_TILE = "bingmap/19/{:07d}.jpg"
_PANORAMA = "streetview/panos/{:07d}.jpg"
_ANNOTATION = "streetview/annotations/{:07d}.png"


def write(pairs: PairTable, evaluations: Mapping[str, EvaluationSet], directory: Path) -> None:
    """Write 1:1 pairs and the first evaluation set below a folder, numbered from 1.

    The split files name annotations as CVUSA's do; there are none. Without positions on both sides
    ``split_locations/all.csv`` is not written.
    """
    name, which = next(iter(evaluations.items()))
    splits = [matched_pairs(pairs, "cvusa"), matched_set("val", name, which, "cvusa")]
    copies, number = [], 1
    for matched in splits:
        numbers = range(number, number + len(matched.queries))
        number += len(matched.queries)
        for row, num in enumerate(numbers):
            copies.append(Copy(matched.references.paths[row], directory / _TILE.format(num)))
            copies.append(Copy(matched.queries.paths[row], directory / _PANORAMA.format(num)))
        names = (_TILE, _PANORAMA, _ANNOTATION)
        lines = [",".join(text.format(num) for text in names) for num in numbers]
        write_lines(directory / SPLITS[matched.split], lines)
    copy_images(copies)
    _write_locations(directory, splits)


def _write_locations(root: Path, splits: list[Matched]) -> None:
    lines = []
    for matched in splits:
        tiles, panoramas = matched.references.latlon, matched.queries.latlon
        if tiles is None or panoramas is None:
            say(f"warning: {matched.split} has no positions, {LOCATIONS} is not written")
            return
        both = zip(tiles.tolist(), panoramas.tolist(), strict=True)
        lines += [",".join(map(repr, [*tile, *panorama, 0])) for tile, panorama in both]
    write_lines(root / LOCATIONS, lines)

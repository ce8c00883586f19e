"""Headings of photos against their tiles, as they are kept and as they follow augmentations.

A heading is the clockwise angle in radians from the tile's upper edge to where the photo's middle
looks, for photos that look down to where their upper edge points.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from georet.csvfile import csv_line, read_csv
from georet.errors import DataError
from georet.files import write_atomic
from georet.types import Batch, Doubles, Floats

YAW, WEIGHT = "yaw_rad", "yaw_weight"
"""Columns of pairs, and what ``align_tile`` reports: the heading behind it, 1 where it is known."""
SEEN: Final = "yaw_seen_flip"
"""What ``align_tile`` reports: 1 where a mirror image came before it, else 0."""
HEADER: Final = ("id", YAW, WEIGHT, "score")


class Label(NamedTuple):
    """A photo's heading in radians, its weight in 0..1, and the matcher's own score."""

    yaw_rad: float
    weight: float
    score: float


def write_labels(path: Path, labels: Mapping[str, Label]) -> None:
    """Write labels by the photos' ids as CSV; whole or not at all."""
    lines = [csv_line(HEADER)]
    for name, label in labels.items():
        cells = (round(label.yaw_rad, 5), round(label.weight, 4), round(label.score, 3))
        lines.append(csv_line([name, *cells]))
    write_atomic(path, "".join(lines))


def read_labels(path: Path) -> dict[str, Label]:
    """Return the labels of a file; DataError with the line where one can't be read."""
    table = read_csv(path, HEADER)
    table.check_columns(HEADER[:3], hint="`georet data orient` writes such files.")
    found: dict[str, Label] = {}
    for where, cells in table:
        yaw_rad, weight, score = (
            table.numbers.read(cells.get(key) or "0", where, name=key) for key in HEADER[1:]
        )
        if not 0 <= weight <= 1:
            raise DataError(f"{WEIGHT} is {weight}, wanted 0 to 1", where=where)
        if cells["id"] in found:
            raise DataError(f"{cells['id']!r} stands there twice", where=where)
        found[cells["id"]] = Label(yaw_rad, weight, score)
    return found


def followed(batch: Batch, column: str) -> Doubles:
    """Return the headings float64[B] of a batch as its images show them, augmentations included.

    Joint transforms come first, in their order, then those of each view. A mirror image turns the
    sense; ``rotate_roll`` turns both views and changes nothing; ``rotate_tile`` turns the tile
    alone, counter-clockwise; ``field_of_view`` moves the photo's middle to the right, before all
    others. Behind ``align_tile`` the heading that it reports goes on from there.
    """
    applied = batch.applied
    still = np.zeros(len(batch.pairs))
    if YAW in applied:
        yaw, is_seen = _of(applied, YAW), _of(applied, SEEN) > 0
    else:
        yaw = np.asarray(batch.column(column), np.float64) + _of(applied, "query.turn_rad", still)
        is_seen = np.zeros(len(yaw), np.bool_)
    is_mirrored = (_of(applied, "flip", still) > 0) & ~is_seen
    turned = _of(applied, "reference.quarters", still) * np.pi / 2
    found: Doubles = np.where(is_mirrored, -yaw, yaw) - turned
    return found


def _of(applied: Mapping[str, Floats], name: str, otherwise: Doubles | None = None) -> Doubles:
    if name not in applied and otherwise is not None:
        return otherwise
    return np.asarray(applied[name], np.float64)

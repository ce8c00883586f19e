"""The lines of a pairs.csv, each cell checked; ``pairs_csv`` makes tables of them."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from georet.csvfile import CsvTable, Numbers, read_csv, slashed
from georet.errors import DataError
from georet.suggest import hint_for
from georet_datasets.readers.files import as_float

REQUIRED: Final = ("query", "reference")
LATLON: Final = ("query_lat", "query_lon", "reference_lat", "reference_lon")
SIDE: Final = "reference_side_m"
KNOWN: Final = (*REQUIRED, *LATLON, SIDE, "semi_positives", "split")
SPLITS: Final = ("train", "test")

LatLon = tuple[float, float]


@dataclass(frozen=True)
class PairRow:
    """One line: images as written in the file (empty: none), positions in degrees, the rest.

    ``where`` is file and line; ``more`` are the cells of columns that georet doesn't know.
    """

    where: str
    query: str
    reference: str
    query_latlon: LatLon | None
    reference_latlon: LatLon | None
    reference_side_m: float | None
    semi_positives: tuple[str, ...]
    split: str
    more: dict[str, str]


def read_pairs(path: Path) -> tuple[list[PairRow], Numbers]:
    """Return the checked lines of a pairs.csv and what reads its numbers; images aren't looked for.

    DataError with file, line and column: no text, a missing, doubled or misspelt column, a
    wrong number of cells, a bad number or position, an unknown split, no image at all.
    """
    table = read_csv(path, KNOWN, hint="This is your own file; is dataset.root its folder?")
    _check_header(table)
    rows = [_row(cells, where, table.numbers) for where, cells in table]
    if not rows:
        raise DataError("lists no pair", where=str(path), hint=f"Columns: {', '.join(KNOWN)}.")
    return rows, table.numbers


def image_path(root: Path, text: str, where: str, *, may_leave: bool) -> Path:
    """Return the path of an image, relative to ``root`` or absolute.

    DataError for a relative one that leaves ``root`` by ``..`` unless ``may_leave``.
    """
    if not Path(text).is_absolute() and not may_leave:
        depth = os.path.normpath(text).split(os.sep, 1)[0]
        if depth == os.pardir:
            raise DataError(
                f"{text!r} leaves the folder of the CSV",
                where=where,
                hint="Write an absolute path, or set dataset.outside=true if that is meant.",
            )
    return root / text


def check_image(path: Path, text: str, where: str, root: Path) -> None:
    """Raise DataError unless the image, in the file called ``text``, is there."""
    if not _is_file(path):
        hint = f"Paths are relative to {root}, or absolute."
        raise DataError(f"the image {text!r} is missing", where=where, hint=hint)


def _check_header(table: CsvTable) -> None:
    table.check_columns(REQUIRED, hint=f"Columns: {', '.join(KNOWN)}.")
    header, where = table.columns, f"{table.path}:1"
    absent = [name for name in KNOWN if name not in header]
    for name in header:
        close = difflib.get_close_matches(name, absent, n=1, cutoff=0.85)
        if name not in KNOWN and close:
            hint = f"did you mean {close[0]!r}? Otherwise give it a less similar name."
            raise DataError(f"column {name!r} is unknown", where=where, hint=hint)
    for first, second in (LATLON[:2], LATLON[2:]):
        if (first in header) != (second in header):
            name = second if first in header else first
            raise table.no_column(f"has no column {name!r}, but its other half", name)


def _row(cells: dict[str, str], where: str, numbers: Numbers) -> PairRow:
    split = (cells.get("split") or SPLITS[0]).lower()
    if split not in SPLITS:
        hint = hint_for(split, SPLITS, "splits")
        raise DataError(f"split is {split!r}", where=f"{where}:split", hint=hint)
    if not cells["query"] and (not cells["reference"] or cells.get("semi_positives")):
        raise DataError("query is empty", where=f"{where}:query")
    if not cells["reference"] and split == SPLITS[0]:
        what = "reference is empty, and the line is one to train on"
        raise DataError(what, where=f"{where}:reference")
    query, reference = (slashed(cells[name], f"{where}:{name}") for name in REQUIRED)
    listed = slashed(cells.get("semi_positives", ""), f"{where}:semi_positives")
    semi = tuple(s.strip() for s in listed.split(";") if s.strip())
    if reference in semi:
        raise DataError("holds the reference itself", where=f"{where}:semi_positives")
    return PairRow(
        where,
        query,
        reference,
        _latlon(cells, "query", where, numbers),
        _latlon(cells, "reference", where, numbers),
        _side(cells, where, numbers),
        semi,
        split,
        {name: cell for name, cell in cells.items() if name not in KNOWN},
    )


def _latlon(cells: dict[str, str], side: str, where: str, numbers: Numbers) -> LatLon | None:
    """Return one side's position; None if the file has none or the line has no such image."""
    if f"{side}_lat" not in cells or not cells[side]:
        return None
    lat, lon = (
        as_float(cells[name], f"{where}:{name}", name=name, limit=limit, numbers=numbers)
        for name, limit in ((f"{side}_lat", 90), (f"{side}_lon", 180))
    )
    return lat, lon


def _side(cells: dict[str, str], where: str, numbers: Numbers) -> float | None:
    """Return the reference's ground size in metres; None where it isn't told."""
    if not cells["reference"] or cells.get(SIDE, "").lower() in ("", "nan"):
        return None
    side_m = as_float(cells[SIDE], f"{where}:{SIDE}", name=SIDE, numbers=numbers)
    if side_m <= 0:
        raise DataError(f"{SIDE} is {side_m:g}, wanted metres", where=f"{where}:{SIDE}")
    return side_m


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A link that leads to itself.
        return False

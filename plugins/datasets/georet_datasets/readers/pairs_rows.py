"""The lines of a pairs.csv, each cell checked; ``pairs_csv`` makes tables of them."""

from __future__ import annotations

import csv
import difflib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from georet.errors import DataError
from georet.suggest import hint_for
from georet_datasets.readers.files import Origin, as_float, read_text

REQUIRED: Final = ("query", "reference")
LATLON: Final = ("query_lat", "query_lon", "reference_lat", "reference_lon")
KNOWN: Final = (*REQUIRED, *LATLON, "semi_positives", "split")
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
    semi_positives: tuple[str, ...]
    split: str
    more: dict[str, str]


def read_pairs(path: Path) -> list[PairRow]:
    """Return the checked lines of a pairs.csv; images are not looked for.

    DataError with file, line and column: not UTF-8, a missing, doubled or misspelt column, a
    wrong number of cells, a bad number or position, an unknown split, no image at all.
    """
    text = read_text(path, Origin(path.name, "this is your own file; is dataset.root right?"))
    # csv.reader wants its lines as they are: a cell in quotes may hold a line break.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[PairRow] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _checked_header(cells, path)
            else:
                where = f"{path}:{reader.line_num}"
                rows.append(_row(_named(header, cells, where), where))
    except csv.Error as error:
        raise DataError(f"is no CSV: {error}", where=f"{path}:{reader.line_num}") from error
    if not rows:
        raise DataError("lists no pair", where=str(path), hint=f"Columns: {', '.join(KNOWN)}.")
    return rows


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


def _checked_header(cells: list[str], path: Path) -> list[str]:
    header, where = [cell.strip() for cell in cells], f"{path}:1"
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"column {twice[0]!r} stands twice", where=where)
    if len(header) == 1 and ";" in header[0]:
        raise DataError("cells are separated by ';'", where=where, hint="Separate them by commas.")
    for name in REQUIRED:
        if name not in header:
            unknown = [cell for cell in header if cell not in KNOWN]
            raise DataError(
                f"has no column {name!r}", where=where, hint=hint_for(name, unknown, "others")
            )
    absent = [name for name in KNOWN if name not in header]
    for name in header:
        close = difflib.get_close_matches(name, absent, n=1, cutoff=0.85)
        if name not in KNOWN and close:
            hint = f"did you mean {close[0]!r}? Otherwise give it a less similar name."
            raise DataError(f"column {name!r} is unknown", where=where, hint=hint)
    for first, second in (LATLON[:2], LATLON[2:]):
        if (first in header) != (second in header):
            name = second if first in header else first
            raise DataError(f"has no column {name!r}, but its other half", where=where)
    return header


def _named(header: list[str], cells: list[str], where: str) -> dict[str, str]:
    if len(cells) != len(header):
        raise DataError(
            f"has {len(cells)} cells, the header names {len(header)} columns",
            where=where,
            hint="Put a cell that holds a comma into double quotes.",
        )
    return dict(zip(header, (cell.strip() for cell in cells), strict=True))


def _row(cells: dict[str, str], where: str) -> PairRow:
    split = cells.get("split") or SPLITS[0]
    if split not in SPLITS:
        hint = hint_for(split, SPLITS, "splits")
        raise DataError(f"split is {split!r}", where=f"{where}:split", hint=hint)
    if not cells["query"] and (not cells["reference"] or cells.get("semi_positives")):
        raise DataError("query is empty", where=f"{where}:query")
    if not cells["reference"] and split == SPLITS[0]:
        what = "reference is empty, and the line is one to train on"
        raise DataError(what, where=f"{where}:reference")
    semi = tuple(s.strip() for s in cells.get("semi_positives", "").split(";") if s.strip())
    if cells["reference"] in semi:
        raise DataError("holds the reference itself", where=f"{where}:semi_positives")
    return PairRow(
        where,
        cells["query"],
        cells["reference"],
        _latlon(cells, "query", where),
        _latlon(cells, "reference", where),
        semi,
        split,
        {name: cell for name, cell in cells.items() if name not in KNOWN},
    )


def _latlon(cells: dict[str, str], side: str, where: str) -> LatLon | None:
    """Return one side's position; None if the file has none or the line has no such image."""
    if f"{side}_lat" not in cells or not cells[side]:
        return None
    lat, lon = (
        as_float(cells[name], f"{where}:{name}", name=name, limit=limit)
        for name, limit in ((f"{side}_lat", 90), (f"{side}_lon", 180))
    )
    return lat, lon


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A link that leads to itself.
        return False

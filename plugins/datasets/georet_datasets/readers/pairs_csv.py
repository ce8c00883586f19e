"""Reader of one's own data: a CSV file that lists pairs of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from georet.csvfile import Numbers
from georet.errors import DataError
from georet.evaluate.protocols import ALIASES
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, Ints, PairTable, Positives
from georet_datasets.readers.files import check_unique
from georet_datasets.readers.pairs_rows import LatLon, PairRow, check_image, image_path, read_pairs

PROTOCOL: Final = "recall/scaled"


class PairsCsv:
    """Pairs listed in a CSV ``file`` in the folder ``root``; for instance::

        query,reference,query_lat,query_lon,reference_lat,reference_lon,semi_positives,split,yaw
        photos/a1.jpg,tiles/a.png,47.3701,8.5402,47.37,8.54,tiles/b.png;tiles/e.png,train,12.5
        photos/a2.jpg,tiles/a.png,47.3699,8.5398,47.37,8.54,,train,80
        ,tiles/b.png,,,47.38,8.54,,train,
        photos/d1.jpg,tiles/d.png,47.4102,8.5503,47.41,8.55,,test,350
        ,tiles/e.png,,,47.37,8.55,,test,

    ``query`` and ``reference`` are paths relative to the file's folder, or absolute; ``outside``
    allows relative ones to leave it. The other columns are optional: positions in degrees,
    references that show the query's place too, separated by ``;``, and ``split``, ``train``
    (default) or ``test``. ``reference_side_m`` is a tile's ground size in metres. Further columns
    travel as metadata of pair and query, float64 where all cells are numbers; ``heading_deg`` and
    ``altitude_m`` are what ``ImageTable`` means by them.
    A line without query adds a tile that nothing matches; a test line without reference is a
    query without a match. A query on several lines has several positives.

    ``gallery``: queries of the test lines are ranked among the references of the test lines, or
    of ``all`` lines. ``protocol`` says what is counted; distances are added where both sides have
    positions, by default at limits that fit the spacing of the gallery. An image that is missing
    is an error, or with ``missing: keep`` one of the images that ``data.bad_image_quota`` allows.
    Errors name file, line and column.
    """

    def __init__(
        self,
        *,
        root: Path,
        file: str = "pairs.csv",
        gallery: Literal["test", "all"] = "test",
        protocol: str = PROTOCOL,
        outside: bool = False,
        missing: Literal["error", "keep"] = "error",
    ) -> None:
        self.path = Path(root) / file
        self.gallery, self.protocol = gallery, ALIASES.get(protocol, protocol)
        self.outside, self.missing = outside, missing

    def train(self) -> PairTable:
        """Return the pairs of the training lines, in the file's order, with their metadata."""
        rows = [row for row in self._rows if row.split == "train"]
        paired = [row for row in rows if row.query]
        if not paired:
            hint = (
                "Leave `split` empty, or write `train`, in the lines to train on; lines to judge "
                "with alone serve a run that is there already: georet eval RUN --set "
                "'dataset={name: datasets:pairs_csv, root: FOLDER}'"
            )
            num = len(self._rows) - len(rows)
            what = f"has no pair to train on; {num} of its lines are of the split test"
            raise DataError(what, where=str(self.path), hint=hint)
        queries, references = self._queries(paired), self._references(rows)
        query_row, reference_row = _numbers(queries), _numbers(references)
        pairs = np.array([(query_row[r.query], reference_row[r.reference]) for r in paired])
        semi = _padded([[reference_row[s] for s in row.semi_positives] for row in paired])
        views = {QUERY: queries, REFERENCE: references}
        return PairTable(views, pairs, semi if semi.shape[1] else None, self._metadata(paired))

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the set ``test``."""
        rows = [row for row in self._rows if row.split == "test"]
        asked = [row for row in rows if row.query]
        if not asked:
            hint = "Write `test` in the column `split` of the lines that are to judge a run."
            raise DataError("has no query to judge with", where=str(self.path), hint=hint)
        queries = self._queries(asked)
        gallery = self._references(rows if self.gallery == "test" else self._rows)
        if not len(gallery):
            raise DataError("has no reference to search in", where=str(self.path))
        positives = _positives(asked, _numbers(queries), _numbers(gallery))
        about = f"test queries of {self.path.name} among references of {self.gallery} lines"
        return {"test": EvaluationSet(queries, gallery, positives, self.protocol, about=about)}

    @cached_property
    def _read(self) -> tuple[list[PairRow], Numbers]:
        rows, numbers = read_pairs(self.path)
        _check_repeats(rows)
        return rows, numbers

    @property
    def _rows(self) -> list[PairRow]:
        return self._read[0]

    def _metadata(self, rows: Sequence[PairRow]) -> dict[str, NDArray[Any]]:
        return {name: _column(name, rows, self._read[1]) for name in rows[0].more}

    @cached_property
    def _images(self) -> dict[str, Path]:
        """The path of each image as the file writes it."""
        root, images = self.path.parent, dict[str, Path]()
        for row in self._rows:
            columns = {"query": [row.query], "reference": [row.reference]}
            for column, texts in (columns | {"semi_positives": [*row.semi_positives]}).items():
                for text in texts:
                    if text and text not in images:
                        where = f"{row.where}:{column}"
                        images[text] = image_path(root, text, where, may_leave=self.outside)
                        if self.missing == "error":
                            check_image(images[text], text, where, root)
        return images

    def _queries(self, rows: Sequence[PairRow]) -> ImageTable:
        first: dict[str, PairRow] = {}
        for row in rows:
            first.setdefault(row.query, row)
        latlon = [row.query_latlon for row in first.values()]
        return self._table("queries", list(first), latlon, self._metadata(list(first.values())))

    def _references(self, rows: Sequence[PairRow]) -> ImageTable:
        """Return the distinct references in the order in which they stand as such, then others."""
        latlon = {row.reference: row.reference_latlon for row in rows if row.reference}
        placed = {row.reference: row.reference_latlon for row in self._rows}
        is_placed = any(position is not None for position in placed.values())
        for row in rows:
            for name in row.semi_positives:
                if is_placed and placed.get(name) is None:
                    raise DataError(
                        f"{name!r} has no position",
                        where=f"{row.where}:semi_positives",
                        hint="Add a line with this reference, its position and an empty query.",
                    )
                latlon.setdefault(name, placed.get(name))
        sides = {r.reference: r.reference_side_m for r in self._rows if r.reference_side_m}
        columns = {"side_m": np.array([sides.get(name, np.nan) for name in latlon])}
        known = columns if sides else {}
        return self._table("references", list(latlon), list(latlon.values()), known)

    def _table(
        self,
        what: str,
        names: list[str],
        latlon: Sequence[LatLon | None],
        columns: Mapping[str, NDArray[Any]],
    ) -> ImageTable:
        placed = [position for position in latlon if position is not None]
        table = np.array(placed, np.float64) if placed else None
        paths = [self._images[name] for name in names]
        return ImageTable(names, paths, table, columns, name=f"{what} of {self.path}")


def _check_repeats(rows: Sequence[PairRow]) -> None:
    """Raise DataError for a pair listed twice, a query in both splits, an image in two places."""
    pairs = [f"{row.query} {row.reference} {row.split}" for row in rows]
    check_unique(pairs, [row.where for row in rows])
    queries = {row.where: (row.query, row.split) for row in rows if row.query}
    _check_same("query", "split", queries)
    here = {r.where: (r.query, r.query_latlon) for r in rows if r.query}
    _check_same("query", "position", here)
    there = {r.where: (r.reference, r.reference_latlon) for r in rows if r.reference}
    _check_same("reference", "position", there)
    sides = {r.where: (r.reference, r.reference_side_m) for r in rows if r.reference_side_m}
    _check_same("reference", "ground size", sides)


def _check_same(kind: str, what: str, entries: Mapping[str, tuple[str, object]]) -> None:
    """Raise DataError if a name has two values; ``entries`` are by their place (name, value)."""
    first: dict[str, tuple[object, str]] = {}
    for where, (name, value) in entries.items():
        before, line = first.setdefault(name, (value, where))
        if before != value:
            raise DataError(
                f"{kind} {name!r} has the {what} {value}",
                where=where,
                hint=f"Its {what} is {before} at {line}; they must agree.",
            )


def _positives(
    rows: Sequence[PairRow], query_row: Mapping[str, int], gallery_row: Mapping[str, int]
) -> Positives:
    """Return int64[Q, 1 + S], or lists of rows where a query has several positives."""
    positives: list[list[int]] = [[] for _ in query_row]
    semi: list[list[int]] = [[] for _ in query_row]
    for row in rows:
        query = query_row[row.query]
        positives[query] += [gallery_row[row.reference]] if row.reference else []
        semi[query] += [gallery_row[name] for name in row.semi_positives]
        if len(positives[query]) > 1 and semi[query]:
            what = f"query {row.query!r} has several references and semi-positives too"
            raise DataError(what, where=row.where, hint="Choose one of the references.")
    if max(map(len, positives)) <= 1:
        first = [found or [-1] for found in positives]
        return np.column_stack([np.array(first), _padded(semi)])
    if any(semi):
        where = rows[0].where.rpartition(":")[0]
        what = "some queries have several references, others semi-positives"
        raise DataError(what, where=where, hint="A file may use one of the two in its test lines.")
    return positives


def _numbers(table: ImageTable) -> dict[str, int]:
    return {name: row for row, name in enumerate(table.ids)}


def _padded(rows: Sequence[Sequence[int]]) -> Ints:
    table = np.full((len(rows), max(map(len, rows), default=0)), -1)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table


def _column(name: str, rows: Sequence[PairRow], numbers: Numbers) -> NDArray[Any]:
    """Return float64 if each cell is a number or empty (NaN) and one is a number, else text.

    DataError where a column of numbers has a decimal comma that may be none.
    """
    cells = [row.more[name] for row in rows]
    filled = [(row, cell) for row, cell in zip(rows, cells, strict=True) if not _is_blank(cell)]
    is_number = [
        numbers.parse(cell)[0] is not None or numbers.is_ambiguous(cell) for _, cell in filled
    ]
    if not is_number or not all(is_number):
        return np.array(cells)
    found = {id(row): numbers.read(cell, f"{row.where}:{name}") for row, cell in filled}
    return np.array([found.get(id(row), np.nan) for row in rows])


def _is_blank(cell: str) -> bool:
    return cell.lower() in ("", "nan")

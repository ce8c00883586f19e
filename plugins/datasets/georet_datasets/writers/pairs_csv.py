"""Writes any data set as images and one pairs.csv, which ``PairsCsv`` reads back in its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from georet.csvfile import csv_line
from georet.errors import DataError
from georet.files import write_atomic
from georet.types import EvaluationSet, ImageTable, Ints, PairTable
from georet_datasets.readers.pairs_rows import KNOWN, LATLON, SIDE
from georet_datasets.writers.copying import Copies, first_set

Line = dict[str, str]


def write(pairs: PairTable, evaluations: Mapping[str, EvaluationSet], directory: Path) -> None:
    """Write the pairs, and the first evaluation set, below a folder that holds nothing yet.

    Images are copied byte for byte. Positions, semi-positives and flat metadata of the queries and
    pairs are kept, junk is left out of the gallery. What a CSV of pairs can't say is not written:
    further views, alternatives, other evaluation sets. DataError where a query has several
    positives and semi-positives as well, or where one image has two roles that contradict each
    other.
    """
    copies = Copies(directory)
    writer = _Writer(copies)
    lines = [*writer.train(pairs), *writer.test(first_set(evaluations, "pairs-csv"))]
    copies.finish()
    header = [*KNOWN, *sorted({name for line in lines for name in line} - set(KNOWN))]
    for column in LATLON:
        # A column of positions has to be complete; one that some images lack is left out.
        if not all(line.get(column) for line in lines if line.get(column[:-4])):
            header.remove(column)
    if not any(line.get(SIDE) for line in lines):
        header.remove(SIDE)
    rows = [header, *([line.get(name, "") for name in header] for line in lines)]
    write_atomic(directory / "pairs.csv", "".join(map(csv_line, rows)))


class _Writer:
    """Turns rows of tables into lines, and copies their images on the way."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    def train(self, pairs: PairTable) -> Iterator[Line]:
        """Yield the lines of the training pairs."""
        rows, semi = pairs.pairs, pairs.semi_positives
        named = {"split": "train"}
        if not _comes_in_order(rows[:, 1], semi, len(pairs.references)):
            for row in range(len(pairs.references)):
                yield self._reference(pairs.references, row) | named
        for number, (query, reference) in enumerate(rows[:, :2].tolist()):
            yield (
                self._query(pairs.queries, query)
                | _cells(pairs.columns, number)
                | self._reference(pairs.references, reference)
                | self._semi(pairs.references, [] if semi is None else semi[number], reference)
                | named
            )

    def test(self, which: EvaluationSet) -> Iterator[Line]:
        """Yield the lines of an evaluation set: the gallery without junk, then the queries."""
        named, junk = {"split": "test"}, set([] if which.junk is None else which.junk.tolist())
        for row in range(len(which.gallery)):
            if row not in junk:
                yield self._reference(which.gallery, row) | named
        is_table = isinstance(which.positives, np.ndarray)
        for query, found in enumerate(which.positives):
            known = [int(row) for row in np.ravel(found)]
            positives, semi = (known[:1], known[1:]) if is_table else (known, [])
            for row in [row for row in positives if row >= 0] or [-1]:
                yield (
                    self._query(which.queries, query)
                    | (self._reference(which.gallery, row) if row >= 0 else {})
                    | self._semi(which.gallery, semi, row)
                    | named
                )

    def _query(self, table: ImageTable, row: int) -> Line:
        line = {"query": self._copies.number(table.paths[row], "queries")}
        return _cells(table.columns, row) | line | _position(table, row, "query")

    def _reference(self, table: ImageTable, row: int) -> Line:
        name = self._copies.number(table.paths[row], "references")
        side = {} if table.side_m is None else {SIDE: _cell(table.side_m[row])}
        return {"reference": name} | _position(table, row, "reference") | side

    def _semi(self, table: ImageTable, rows: Sequence[int] | Ints, positive: int) -> Line:
        kept = [int(row) for row in rows if row not in (-1, positive)]
        names = [self._copies.number(table.paths[row], "references") for row in kept]
        return {"semi_positives": ";".join(names)} if names else {}


def _comes_in_order(references: Ints, semi: Ints | None, num: int) -> bool:
    """Say whether the pairs name all references for the first time in the table's order."""
    first = list(dict.fromkeys(references.tolist()))
    return semi is None and first == list(range(num))


def _cells(columns: Mapping[str, Any], row: int) -> Line:
    flat = {name: values for name, values in columns.items() if np.ndim(values) == 1}
    clash = sorted(flat.keys() & set(KNOWN))
    if clash:
        raise DataError(f"the metadata column {clash[0]!r} has the name of one of pairs.csv")
    return {name: _cell(values[row]) for name, values in flat.items()}


def _cell(value: Any) -> str:
    return repr(float(value)) if isinstance(value, np.floating) else str(value)


def _position(table: ImageTable, row: int, side: str) -> Line:
    if table.latlon is None:
        return {}
    lat, lon = table.latlon[row].tolist()
    turned = (lon + 180) % 360 - 180 if abs(lon) > 180 else lon
    return {f"{side}_lat": repr(lat), f"{side}_lon": repr(turned)}

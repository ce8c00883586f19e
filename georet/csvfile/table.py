"""Tables with a header and lists without one, whatever their cells are parted by."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from georet.csvfile.cells import unguarded
from georet.csvfile.numbers import Numbers
from georet.csvfile.text import read_text
from georet.errors import DataError
from georet.suggest import did_you_mean

MOST_COLUMNS: Final = 4096
"""More are no table of a person: a header on its side, or something else."""
SEPARATORS: Final = (",", ";", "\t", "|")
_SHOWN: Final = 40
_NAMES: Final = {",": "commas", ";": "';'", "\t": "tabs", "|": "'|'"}


class CsvTable:
    """The lines below a header; iterating yields (``file:line``, {column: text without blanks}).

    ``columns`` are named as the reader knows them, whatever their case, blanks and hyphens in the
    file; the others as they are written. Blank lines are passed over. ``numbers`` reads the cells
    that are numbers.
    """

    def __init__(self, path: Path, text: str, known: Sequence[str]) -> None:
        self.path, self._text = path, text
        keys = {_key(name): name for name in known}
        self.separator, self._skip = _separator(
            text, lambda cells: (sum(_key(c) in keys for c in cells), len(cells))
        )
        self.numbers = Numbers(self.separator)
        self._header_where, header = next(self._records(), (f"{path}:1", []))
        if len(header) > MOST_COLUMNS:
            raise DataError(
                f"has {len(header)} columns, at most {MOST_COLUMNS} are read",
                where=self._header_where,
                hint="Is it turned on its side? Leave out columns that georet doesn't read.",
            )
        self._names = [keys.get(_key(cell), unguarded(cell.strip())) for cell in header]
        self.columns = [name for name in self._names if name]
        counts = Counter(self.columns)
        twice = next((name for name in self.columns if counts[name] > 1), None)
        if twice:
            raise DataError(f"column {twice!r} stands twice", where=self._header_where)

    def check_columns(self, needed: Sequence[str], *, hint: str = "") -> None:
        """Raise DataError, with the columns there are, if one of ``needed`` is missing."""
        missing = [name for name in needed if name not in self.columns]
        if missing:
            what = "column" if len(missing) == 1 else "columns"
            names = ", ".join(map(repr, missing))
            raise self.no_column(f"has no {what} {names}", missing[0], hint=hint)

    def no_column(self, what: str, wanted: str, *, hint: str = "") -> DataError:
        """Return the error of a missing column, which says what columns there are."""
        others = [name for name in self.columns if name != wanted]
        close = did_you_mean(wanted, others)
        parts = "" if len(others) < 2 else f" (parted by {_NAMES.get(self.separator, 'others')})"
        more = "" if len(others) <= _SHOWN else f" and {len(others) - _SHOWN} more"
        there = (
            f"There are: {', '.join(others[:_SHOWN])}{more}{parts}."
            if others
            else "The file is empty."
        )
        notes = [f"{close[0].upper()}{close[1:]}" if close else "", there, hint]
        return DataError(
            what, where=self._header_where, hint=" ".join(note for note in notes if note)
        )

    def __iter__(self) -> Iterator[tuple[str, dict[str, str]]]:
        records = self._records()
        next(records, None)
        width, names = len(self._names), self._names
        has_blank = "" in names
        for where, cells in records:
            if len(cells) != width and (len(cells) < width or any(map(str.strip, cells[width:]))):
                raise self._wrong_width(where, len(cells))
            row = {name: unguarded(cell.strip()) for name, cell in zip(names, cells, strict=False)}
            if has_blank:
                self._check_unnamed(where, cells)
                del row[""]
            yield where, row

    def _check_unnamed(self, where: str, cells: Sequence[str]) -> None:
        for number, (name, cell) in enumerate(zip(self._names, cells, strict=False), start=1):
            if not name and cell.strip():
                what = f"column {number} has no name, and the cell {cell.strip()!r}"
                raise DataError(what, where=where, hint="Name it in the header, or empty it.")

    def _wrong_width(self, where: str, num: int) -> DataError:
        hint = f"Cells are parted by {_NAMES.get(self.separator, repr(self.separator))}."
        if self.separator == "," and num > len(self._names):
            hint = (
                "Put a cell that holds a comma into double quotes; write numbers with a decimal "
                "point, or part the cells by `;`."
            )
        elif num > len(self._names):
            hint += " Put a cell that holds one into double quotes."
        what = f"has {num} cells, the header names {len(self._names)} columns"
        return DataError(what, where=where, hint=hint)

    def _records(self) -> Iterator[tuple[str, list[str]]]:
        return _records(self.path, self._text, self.separator, self._skip)


def read_csv(path: Path, known: Sequence[str], *, hint: str | None = None) -> CsvTable:
    """Return the table in a file, whose cells may be parted by commas, ``;``, tabs or ``|``.

    ``known`` are columns that the reader knows, by which the separator is found. Encodings as in
    ``read_text``; ``sep=;`` as a first line is understood. Raises DataError with file and line: no
    text, an open quote, a line with more or fewer cells than the header.
    """
    return CsvTable(path, read_text(path, hint=hint), known)


def read_list(
    path: Path, *, num_cells: Collection[int], white_space: bool = False, hint: str | None = None
) -> tuple[list[tuple[str, list[str]]], Numbers]:
    """Return the lines of a list without a header, each (``file:line``, cells), and its numbers.

    Cells are parted by what makes the first line one of ``num_cells``, or by ``white_space``. A
    line with another number of cells is a DataError that names it.
    """
    text = read_text(path, hint=hint)
    if white_space:
        separator, rows = " ", _plain_records(path, text)
    else:
        separator, skip = _separator(text, lambda cells: (len(cells) in num_cells, 0))
        rows = _records(path, text, separator, skip)
    found = []
    for where, cells in rows:
        if len(cells) not in num_cells:
            wanted = " or ".join(map(str, sorted(num_cells)))
            what = f"has {len(cells)} columns, wanted {wanted}"
            raise DataError(what, where=where, hint=hint)
        found.append((where, [cell.strip() for cell in cells]))
    return found, Numbers(separator)


def _separator(text: str, score: Callable[[list[str]], tuple[int, int]]) -> tuple[str, int]:
    """Return what parts the cells of the first line, and how many lines stand before it."""
    first, _, _ = text.partition("\n")
    told = first.strip().strip('"')
    if told.lower().startswith("sep=") and len(told) == len("sep=") + 1:
        return told[-1], 1
    if first.rstrip("\r").lower() == "sep=\t":
        return "\t", 1
    scores = {}
    for separator in SEPARATORS:
        try:
            cells = next(_records(Path(), text, separator, 0), ("", []))[1]
        except DataError:
            cells = []
        scores[separator] = score(cells)
    return max(SEPARATORS, key=lambda separator: scores[separator]), 0


def _records(path: Path, text: str, separator: str, skip: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines that are not blank; a quoted cell may hold line ends."""
    # csv.reader wants its lines as they are: a cell in quotes may hold a line break.
    lines = io.StringIO(text, newline="")
    for _ in range(skip):
        lines.readline()
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    start = skip + 1
    try:
        for cells in reader:
            if any(cells) and not all(map(str.isspace, filter(None, cells))):
                yield f"{path}:{start}", cells
            start = skip + reader.line_num + 1
    except csv.Error as error:
        is_open = "unexpected end" in str(error) or "field limit" in str(error)
        raise DataError(
            "a quote is opened and never closed" if is_open else f"is no CSV: {error}",
            where=f"{path}:{start}",
            hint='In a cell in double quotes, a double quote is written twice: "5"" wide".',
        ) from error


def _plain_records(path: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(io.StringIO(text), start=1):
        cells = line.split()
        if cells:
            yield f"{path}:{number}", cells


def _key(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").replace("_", " ").split())

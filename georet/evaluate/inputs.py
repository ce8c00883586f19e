"""Arrays that people bring to be scored: ``.npy``, members of ``.npz``, text, JSON; all checked."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from georet.csvfile import Numbers, read_text
from georet.errors import DataError, UsageError
from georet.suggest import hint_for
from georet.types import Doubles, Ints, Positives

_N = TypeVar("_N", int, float)
_TEXT = (".csv", ".txt")
_GREATEST = 2**62
_KINDS = "FILE.npy, FILE.npz:member"


def read_embeddings(name: str) -> NDArray[Any]:
    """Return the array [N, D] in ``FILE.npy`` (mapped, not read) or ``FILE.npz:member``."""
    array = _read_array(name)
    if array.dtype.kind != "f" or array.ndim != 2:
        raise DataError(
            f"holds {array.dtype}{list(array.shape)}, wanted embeddings float[N, D]",
            where=name,
            hint="One embedding a row, as float16, float32 or float64.",
        )
    return array


def read_positives(name: str) -> Positives:
    """Return positives: int64[Q, P] of an array or of text rows, lists of rows from ``.json``.

    In an array or text the positive comes first, then semi-positives, and -1 pads. In JSON all
    rows of a query's list are right.
    """
    if Path(name).suffix == ".json":
        return _lists(name)
    rows = _rows(name) if Path(name).suffix in _TEXT else _integers(name)
    if not rows.size:
        raise DataError("holds no row", where=name, hint="A line or row for each query.")
    return rows.reshape(len(rows), -1)


def read_junk(name: str) -> NDArray[Any]:
    """Return rows int64[J] of references, or bool[R]."""
    if Path(name).suffix in _TEXT:
        return _rows(name).ravel()
    if Path(name).suffix == ".json":
        return np.array([row for rows in _lists(name) for row in rows], np.int64)
    array = _read_array(name)
    return array if array.dtype == np.bool_ else _integers(name).ravel()


def read_latlon(name: str) -> Doubles:
    """Return latitude and longitude float64[N, 2] in degrees."""
    if Path(name).suffix in _TEXT:
        return np.array(_parsed(name, _decimal, 2), np.float64).reshape(-1, 2)
    array = _read_array(name)
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[1] != 2:
        raise DataError(
            f"holds {array.dtype}{list(array.shape)}, wanted float[N, 2]",
            where=name,
            hint="Latitude, then longitude, in degrees.",
        )
    return array.astype(np.float64)


def read_ids(name: str) -> NDArray[np.str_]:
    """Return one id a row str[N], from an array of integers or strings, or a line each of text."""
    if Path(name).suffix in _TEXT:
        return np.array(_text_ids(name), np.str_)
    array = _read_array(name)
    if array.dtype.kind not in "iuU" or array.ndim != 1:
        raise DataError(
            f"holds {array.dtype}{list(array.shape)}, wanted ids [N]",
            where=name,
            hint="Integers or strings; an array of Python objects is never read.",
        )
    return array.astype(np.str_)


def _read_array(name: str) -> NDArray[Any]:
    file, _, member = name.partition(".npz:")
    path = Path(f"{file}.npz") if member else Path(name)
    if not path.is_file():
        raise DataError("no such file", where=str(path), hint="Check the path.")
    if path.suffix not in (".npy", ".npz"):
        raise UsageError("no array", where=name, hint=f"Wanted: {_KINDS}.")
    try:
        if path.suffix == ".npy":
            mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
            return mapped
        with np.load(path, allow_pickle=False) as arrays:
            if member not in arrays.files:
                raise UsageError(
                    f"has no member {member!r}" if member else "which of its arrays?",
                    where=str(path),
                    hint=f"Write {path}:NAME; {hint_for(member, arrays.files, 'there are')}",
                )
            found: NDArray[Any] = arrays[member]
            return found
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"can't be read as an array: {error}",
            where=name,
            hint="Write it with numpy.save; arrays of Python objects are never read.",
        ) from error


def _integers(name: str) -> Ints:
    array = _read_array(name)
    if array.dtype.kind not in "iu":
        raise DataError(
            f"holds {array.dtype}{list(array.shape)}, wanted rows int64",
            where=name,
            hint="Rows of the reference embeddings, counted from 0.",
        )
    return array.astype(np.int64)


def _rows(name: str) -> Ints:
    """Return int64[N, P] of text; shorter lines are padded with -1."""
    rows = _parsed(name, _row_number, None)
    width = max((len(row) for row in rows), default=1)
    return np.array([row + [-1] * (width - len(row)) for row in rows], np.int64).reshape(-1, width)


def _text_ids(name: str) -> list[str]:
    """Return the id in each line; in a .csv it may stand in quotes, and has the line to itself."""
    ids = []
    for at, line in enumerate(_lines(name), start=1):
        cells = [line]
        if Path(name).suffix == ".csv" and '"' in line:
            cells = next(csv.reader([line]), [""])
        if len(cells) != 1 or not cells[0].strip():
            raise DataError(
                f"holds {len(cells)} cells, wanted an id" if cells[1:] else "the line is blank",
                where=f"{name}:{at}",
                hint="One id a line, in the order of the embeddings, and no header.",
            )
        ids.append(cells[0].strip())
    return ids


def _row_number(text: str, numbers: Numbers) -> int:
    number = int(text)
    if abs(number) > _GREATEST or numbers.parse(text)[0] is None:
        raise ValueError(text)
    return number


def _decimal(text: str, numbers: Numbers) -> float:
    return numbers.read(text, "")


def _parsed(name: str, number: Callable[[str, Numbers], _N], width: int | None) -> list[list[_N]]:
    """Return the numbers of each line, parted by commas or blanks, or by ``;``, tabs or ``|``."""
    rows: list[list[_N]] = []
    lines = _lines(name)
    separator = next((s for s in ";\t|" if s in "".join(lines[:1]).strip()), None)
    numbers = Numbers(separator or ",")
    for at, line in enumerate(lines, start=1):
        cells = line.split(separator) if separator else line.replace(",", " ").split()
        try:
            row = [number(cell.strip(), numbers) for cell in cells]
        except (ValueError, DataError) as error:
            raise DataError(
                f"not a line of numbers: {line[:60]!r}",
                where=f"{name}:{at}",
                hint="No header; numbers with a decimal point, parted by commas or blanks.",
            ) from error
        if not row or width not in (None, len(row)):
            raise DataError(
                f"holds {len(row)} numbers, wanted {width or 'at least one'}",
                where=f"{name}:{at}",
                hint="A line for each query; -1 stands for no match." if width is None else None,
            )
        rows.append(row)
    return rows


def _lines(name: str) -> list[str]:
    # Not splitlines(), which ends a line at signs that an id may hold.
    return list(map(str.rstrip, io.StringIO(_text(name).rstrip(), newline=None)))


def _text(name: str) -> str:
    return read_text(Path(name), hint="Check the path.")


def _lists(name: str) -> list[list[int]]:
    try:
        value = json.loads(_text(name))
    except ValueError as error:
        raise DataError(f"can't be read as JSON: {error}", where=name) from error
    if not isinstance(value, list):
        raise DataError("is no list of lists", where=name, hint="For example: [[0], [4, 7], []]")
    rows = [entry if isinstance(entry, list) else [entry] for entry in value]
    for at, row in enumerate(rows):
        if not all(type(entry) is int and abs(entry) <= _GREATEST for entry in row):
            raise DataError(
                f"entry {at} is {json.dumps(value[at])[:60]}, wanted a list of row numbers",
                where=name,
                hint="For example: [[0], [4, 7], []]",
            )
    return rows

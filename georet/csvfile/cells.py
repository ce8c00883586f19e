"""Single cells: text that no spreadsheet takes for a formula, and paths from Windows."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable
from typing import Final

from georet.csvfile.numbers import Numbers
from georet.errors import DataError

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED: Final = re.compile(r"''*[=+\-@\t\r\n]")
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]|[A-Za-z]:$|\\\\")


def guarded(value: object) -> object:
    """Return a cell to be written; text that begins like a formula gets an apostrophe before it.

    A spreadsheet would carry out text behind ``=``, ``+``, ``-``, ``@``, a tab or a line's end. A
    plain number such as -1 stays as it is; ``read_csv`` takes the apostrophe away again.
    """
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    return value if Numbers().parse(value)[0] is not None else f"'{value}"


def csv_line(cells: Iterable[object]) -> str:
    """Return a line of a CSV, ended by a line feed, whose cells are ``guarded``."""
    stream = io.StringIO(newline="")
    # Only signs of this line end make csv put a cell into quotes.
    csv.writer(stream, lineterminator="\r\n").writerow([guarded(cell) for cell in cells])
    return stream.getvalue().removesuffix("\r\n") + "\n"


def unguarded(text: str) -> str:
    """Return a cell without the apostrophe that ``guarded`` wrote before it."""
    return text[1:] if text[:1] == "'" and _GUARDED.match(text) else text


def slashed(text: str, where: str) -> str:
    """Return a path with slashes, so that a table from Windows is read on every system.

    Raises DataError for a drive or a network share, except on Windows.
    """
    if os.name != "nt" and _DRIVE.match(text):
        raise DataError(
            f"{text!r} is a path of Windows, which doesn't exist here",
            where=where,
            hint="Write paths relative to the folder of this file, parted by / (slash).",
        )
    return text.replace("\\", "/")

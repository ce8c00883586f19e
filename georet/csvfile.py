"""CSV files that people write: lines with a header, and where each of them stands."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from georet.errors import DataError


def csv_rows(
    path: Path, check_columns: Callable[[list[str]], None]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (``file:line``, {column: text without blanks around it}) of the lines below the header.

    UTF-8, with or without a byte order mark. ``check_columns`` is given the header first. Raises
    DataError where the file can't be read, is no CSV, or a line has not as many cells as the
    header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"can't be read: {error}", where=str(path)) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        check_columns(list(reader.fieldnames or ()))
        for cells in reader:
            where = f"{path}:{reader.line_num}"
            if None in cells or None in cells.values():
                raise DataError("the line has another number of cells than the header", where=where)
            yield where, {name: text.strip() for name, text in cells.items()}
    except csv.Error as error:
        raise DataError(f"is no CSV: {error}", where=f"{path}:{reader.reader.line_num}") from error

"""Text files in whatever encoding an editor or a spreadsheet left them."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from georet.errors import DataError
from georet.progress import say

_BOMS: Final = (
    # UTF-32 first: its mark for little-endian begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS: Final = (
    (b"PK\x03\x04", "a workbook or archive (zip)", "Save it as CSV: `CSV UTF-8` in Excel."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save it as CSV: `CSV UTF-8` in Excel."),
    (b"PAR1", "a Parquet file", "Write it as CSV, for example by pandas' to_csv(index=False)."),
    (b"SQLite format 3", "an SQLite database", "Write the table as CSV."),
    (b"\x1f\x8b", "packed by gzip", "Unpack it: gunzip FILE"),
    (b"%PDF", "a PDF", "Save the table as CSV."),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "Type: git lfs pull"),
    (b"<!doctype html", "a web page", "The download failed; fetch the file itself."),
    (b"<html", "a web page", "The download failed; fetch the file itself."),
)
_SAMPLE: Final = 4096


def read_text(path: Path, *, hint: str | None = None) -> str:
    """Return what a text file says, without byte order marks; line ends stay as they are.

    UTF-8, UTF-16 and UTF-32 by their marks, UTF-16 without one by its zeros, else UTF-8; what is
    not UTF-8 is read as Windows-1252, and a line on stderr says so. Raises DataError, with the
    line where there is one and ``hint`` unless it knows better, for a file that can't be read, is
    something else (a workbook, a Git LFS pointer), or holds a NUL byte.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("no such file", where=str(path), hint=hint) from error
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", where=str(path), hint=hint) from error
    for magic, what, advice in _OTHERS:
        if data[: len(magic)].lower() == magic.lower():
            raise DataError(f"is {what}", where=str(path), hint=advice)
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    text = _decoded(data, encoding or _unmarked(data), path)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            "holds a NUL byte, which no text has",
            where=f"{path}:{line}",
            hint="Is it damaged, or no text at all? Write it again.",
        )
    return text.replace("\ufeff", "")


def _unmarked(data: bytes) -> str:
    """Return the encoding of a file without a mark: UTF-16 has a zero in every other byte."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) // 3 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    return "utf-8"


def _decoded(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        start, is_utf8 = error.start, encoding == "utf-8"
        if is_utf8 and 0 not in data:
            try:
                text = data.decode("cp1252")
            except UnicodeDecodeError as other:
                start = other.start
            else:
                line = data.count(b"\n", 0, error.start) + 1
                say(f"note: {path}:{line}: is not UTF-8, read as Windows-1252")
                return text
        line = data.count(b"\n", 0, start) + 1
        names = "UTF-8 nor Windows-1252" if is_utf8 else f"whole {encoding.upper()}"
        raise DataError(
            f"is {'neither ' if is_utf8 else 'not '}{names}: byte 0x{data[start]:02x}",
            where=f"{path}:{line}",
            hint="Save it as UTF-8, for example: iconv -f OLD-ENCODING -t utf8 OLD > NEW",
        ) from error

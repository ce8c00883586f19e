"""What all readers share: lists with line numbers, paths kept inside the root, missing images."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from georet.csvfile import Numbers, read_list
from georet.csvfile import read_text as read_any_text
from georet.errors import DataError
from georet.progress import say
from georet.types import Bools, Ints

Missing = Literal["error", "skip", "keep"]
"""What becomes of ids without an image: an error, left out and counted, or kept for the loader."""


@dataclass(frozen=True)
class Origin:
    """A data set's name, and where its owners hand it out."""

    name: str
    url: str

    def missing(self, path: Path, what: str = "no such file or folder") -> DataError:
        """Return the error for a path that the set should have."""
        return DataError(what, where=str(path), hint=self.hint)

    @property
    def hint(self) -> str:
        """Where to get the data set."""
        return f"It belongs to {self.name}, which its owners hand out: {self.url}"


class Row(NamedTuple):
    """The cells of one line, and its file and line for errors."""

    where: str
    cells: list[str]
    numbers: Numbers

    def number(self, cell: int, *, name: str, limit: float = np.inf) -> float:
        """Return a cell's finite number, of at most ``limit`` either way."""
        text = self.cells[cell]
        return as_float(text, self.where, name=name, limit=limit, numbers=self.numbers)


def read_rows(
    path: Path, origin: Origin, *, num_cells: Collection[int], white_space: bool = False
) -> list[Row]:
    """Return the lines of a list that are not blank, split at commas and the like.

    Encodings and separators as in ``georet.csvfile``. DataError with file and line: no text, or a
    number of cells that is not among ``num_cells``.
    """
    found, numbers = read_list(path, num_cells=num_cells, white_space=white_space, hint=origin.hint)
    return [Row(where, cells, numbers) for where, cells in found]


def read_text(path: Path, origin: Origin) -> str:
    """Return a text file in any of the encodings of ``georet.csvfile``."""
    return read_any_text(path, hint=origin.hint)


def inside(root: Path, text: str, where: str) -> Path:
    """Return the path below ``root`` that a list names, also one that was written on Windows.

    Absolute ones and ``..`` are refused.
    """
    # Plain text, since pathlib takes ten times as long and lists have a hundred thousand lines.
    text = text.replace("\\", "/")
    first, *rest = text.split("/")
    if not first or ":" in first[:2] or ".." in (first, *rest):
        raise DataError(
            f"{text!r} does not lie in the data set's folder",
            where=where,
            hint="Paths are relative to the root, without '..'.",
        )
    return root / text


def as_float(
    text: str, where: str, *, name: str, limit: float = np.inf, numbers: Numbers | None = None
) -> float:
    """Return a finite number of at most ``limit`` either way; DataError with its place.

    ``numbers`` are those of its table, by which a decimal comma is understood.
    """
    value = (numbers or Numbers()).read(text, where, name=name)
    if abs(value) > limit:
        hint = "Are latitude and longitude swapped?" if limit == 90 and abs(value) <= 180 else None
        hint = "Positions are in degrees; are these metres?" if abs(value) > 360 else hint
        what = f"{name} is {text}, not within -{limit:g}..{limit:g}"
        raise DataError(what, where=where, hint=hint)
    return value


def check_unique(ids: Sequence[str], wheres: Sequence[str]) -> None:
    """Raise DataError with both places of the first id that stands twice."""
    first: dict[str, str] = {}
    for name, where in zip(ids, wheres, strict=True):
        if name in first:
            raise DataError(
                f"duplicate id {name!r}", where=where, hint=f"It stands at {first[name]} already."
            )
        first[name] = where


def check_filled(num: int, paths: Sequence[Path], origin: Origin, what: str) -> None:
    """Raise DataError if a split has nothing in it."""
    if not num:
        where = ", ".join(map(str, paths))
        raise DataError(f"no {what} of {origin.name} listed", where=where, hint=origin.hint)


def tell_overlap(origin: Origin, train_ids: Collection[str], test_ids: Collection[str]) -> None:
    """Warn on stderr of ids that are in both sides: what was trained on is judged again."""
    both = sorted(set(train_ids) & set(test_ids))
    if both:
        shown = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
        say(
            f"warning: {origin.name}: {len(both):,} queries are both in the lists to train on and "
            f"in those to judge with, which makes results too good: {shown}"
        )


def is_present(paths: Sequence[Path]) -> Bools:
    """Say of each path whether it is a file; each folder is listed once, nothing is opened."""
    files = {folder: _files_in(folder) for folder in {path.parent for path in paths}}
    return np.fromiter((p.name in files[p.parent] for p in paths), np.bool_, len(paths))


def present_rows(
    origin: Origin, views: Sequence[Sequence[Path]], missing: Missing, what: str
) -> Ints:
    """Return the rows whose image is there in every view; what is missing is told on stderr.

    ``views`` are columns of paths, of equal length. With ``missing="error"`` the first missing
    image is a DataError, with ``"keep"`` all rows are returned unseen.
    """
    num = len(views[0])
    if missing == "keep":
        return np.arange(num)
    found = [is_present(paths) for paths in views]
    absent = [
        p for paths, is_there in zip(views, found, strict=True) for p in _lacking(paths, is_there)
    ]
    if absent and missing == "error":
        what = (
            f"the image is missing, and {len(absent) - 1} more"
            if absent[1:]
            else "the image is missing"
        )
        raise DataError(
            what,
            where=str(absent[0]),
            hint=f"{_twin(absent[0])}{origin.hint}\n  missing=skip leaves such rows out.",
        )
    kept = np.flatnonzero(np.logical_and.reduce(found))
    if len(kept) < num:
        say(
            f"warning: {origin.name}: {num - len(kept)} of {num} {what} left out, "
            f"their images are missing, such as {absent[0]} {_twin(absent[0])}".rstrip()
        )
    if not len(kept):
        raise DataError(
            f"not one image of {num} {what} is there", where=str(absent[0]), hint=origin.hint
        )
    return kept


def tell_counts(origin: Origin, counts: Mapping[str, tuple[int, int]]) -> None:
    """Print counts, each (found, published), and warn of those that differ."""
    say(f"{origin.name}: " + ", ".join(f"{num:,} {what}" for what, (num, _) in counts.items()))
    for what, (num, published) in counts.items():
        if num != published:
            more = "more" if num > published else "fewer"
            say(
                f"warning: {origin.name}: {num:,} {what}, {abs(num - published):,} {more} than "
                f"the published {published:,}"
            )


def _lacking(paths: Sequence[Path], is_there: Bools) -> list[Path]:
    return [path for path, there in zip(paths, is_there, strict=True) if not there]


def _twin(path: Path) -> str:
    """Return a remark where a file's name differs from a missing one's in nothing but its case."""
    names = [name for name in _files_in(path.parent) if name.lower() == path.name.lower()]
    return f"(There is {names[0]!r}, whose name differs in its case.) " if names else ""


def _files_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if _is_file(entry)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise DataError(f"can't be listed: {error.strerror}", where=str(folder)) from error


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        # A link that leads to itself.
        return False

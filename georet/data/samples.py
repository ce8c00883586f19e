"""Fills single slots of a batch, in the main process or in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np

from georet.contracts.transforming import Size
from georet.data.images import MAX_PIXELS, RESIZE_RULE, read_image
from georet.data.pixels import PixelStore
from georet.data.resizing import prepare
from georet.errors import ConfigError, DataError
from georet.types import ImageTable, Ints, Pixels

GREY: Final = 127


@dataclass(frozen=True)
class Job:
    """One batch to fill: ``rows`` int64[B] of a table, at ``step`` of ``epoch``.

    Of pairs also the run's ``progress``, the ``sizes`` of this batch and the rows of the images
    that each view has ``shown`` int64[B]. ``first`` is the slot of the batch that the first row
    stands in; above 0 where the job is only a share of it.
    """

    epoch: int
    step: int
    rows: Ints
    progress: float = 0.0
    sizes: Mapping[str, Size] = field(default_factory=dict)
    shown: Mapping[str, Ints] = field(default_factory=dict)
    first: int = 0

    def share(self, slots: slice) -> Job:
        """Return the job of these slots alone, filled as they are in the whole batch."""
        shown = {view: rows[slots] for view, rows in self.shown.items()}
        return replace(self, rows=self.rows[slots], shown=shown, first=self.first + slots.start)


class Filled(NamedTuple):
    """What filling a slot brought besides pixels: unreadable files, and what was reported."""

    bad: dict[Path, str]
    applied: dict[str, float]


class Filler(Protocol):
    """Fills single slots of a batch, in whatever process it is called."""

    @property
    def sizes(self) -> Mapping[str, Size]:
        """{view: (height, width)} of what it fills, the largest of any batch."""

    def sizes_of(self, job: Job) -> Mapping[str, Size]:
        """Return {view: (height, width)} of what it fills for one batch."""

    def fill(self, job: Job, slot: int, out: Mapping[str, Pixels]) -> Filled:
        """Fill ``out`` {view: uint8[B, H, W, 3]} at ``slot``."""

    def files(self, job: Job, slot: int) -> list[Path]:
        """Return the files that ``slot`` is filled from."""


@dataclass(frozen=True)
class Reading:
    """How files are read; where ``tolerant``, an unreadable one becomes an even grey.

    ``rule`` is one of ``georet.data.resizing.RULES``.
    """

    rule: str = RESIZE_RULE
    max_pixels: int = MAX_PIXELS
    tolerant: bool = False

    def __post_init__(self) -> None:
        prepare(self.rule)

    def read(
        self,
        image: tuple[ImageTable, int],
        size: Size | None,
        grey: Size,
        bad: dict[Path, str],
        store: PixelStore | None = None,
    ) -> Pixels:
        """Return uint8[H, W, 3] of a table's row; in place of an unreadable file grey, and why in
        ``bad``.

        A ``store`` serves where it holds images of that size. DataError names row, table and data
        set.
        """
        table, row = image
        path = table.paths[row]
        try:
            if store is not None and store.size == size:
                return store.read(path)
            return read_image(path, size=size, rule=self.rule, max_pixels=self.max_pixels)
        except DataError as error:
            if not self.tolerant:
                raise told_of(error, f"It is {table.in_words(row)}.") from error
            bad[path] = error.what
            return np.full((*grey, 3), GREY, dtype=np.uint8)


def checked_size(view: str, sizes: Mapping[str, Size]) -> Size:
    """Return the (height, width) of a view; raise ConfigError naming the key if it has none."""
    if view not in sizes:
        raise ConfigError(
            f"no size is given for the view {view!r}",
            where=f"data.size.{view}",
            hint=f"--set data.size.{view}='[384, 384]' (height, width)",
        )
    height, width = sizes[view]
    if height < 1 or width < 1:
        raise ConfigError(f"{height} x {width} is no image size", where=f"data.size.{view}")
    return int(height), int(width)


def told_of(error: DataError, listed: str) -> DataError:
    """Return the error of a file, which says as well by what it is told of."""
    hint = f"{listed}\n  {error.hint or ''}".rstrip()
    return DataError(error.what, where=error.where, hint=hint)

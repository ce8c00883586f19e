"""A table of images: names, files, positions, metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError
from georet.tables.arrays import Doubles, Ints


@dataclass(frozen=True)
class ImageTable:
    """A table of R images: ids, paths, latlon float64[R, 2] or None, metadata columns [R]."""

    ids: Sequence[str]
    paths: Sequence[Path]
    latlon: Doubles | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    name: str = "images"

    def __post_init__(self) -> None:
        self._check_lengths()
        self._check_ids()
        self._check_latlon()

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Ints) -> ImageTable:
        """Return the table of the given rows int64[M], in that order."""
        return ImageTable(
            [self.ids[i] for i in rows],
            [self.paths[i] for i in rows],
            None if self.latlon is None else self.latlon[rows],
            {name: column[rows] for name, column in self.columns.items()},
            self.name,
        )

    def column(self, name: str) -> NDArray[Any]:
        """Return the metadata column [R]; DataError that lists those there are."""
        return column_of(self.columns, name, self.name)

    def _check_lengths(self) -> None:
        num = len(self.ids)
        sizes = {"paths": len(self.paths)} | {c: len(v) for c, v in self.columns.items()}
        if self.latlon is not None:
            sizes["latlon"] = len(self.latlon)
        for column, size in sizes.items():
            if size != num:
                raise DataError(
                    f"column {column!r} has {size} rows, ids have {num}", where=self.name
                )

    def _check_ids(self) -> None:
        if len(set(self.ids)) == len(self.ids):
            return
        seen: set[str] = set()
        twice = next(i for i in self.ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
        raise DataError(
            f"duplicate id {twice!r}", where=self.name, hint="ids must be unique within a table"
        )

    def _check_latlon(self) -> None:
        if self.latlon is None:
            return
        bad = ~(np.isfinite(self.latlon).all(axis=1) & (np.abs(self.latlon[:, 0]) <= 90))
        bad |= np.abs(self.latlon[:, 1]) > 360
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"latitude, longitude of {self.ids[row]!r} are {tuple(self.latlon[row].tolist())}",
                where=self.name,
                hint="latitude must lie in -90..90, longitude in -180..180; are they swapped?",
            )


def column_of(columns: Mapping[str, NDArray[Any]], name: str, whose: str) -> NDArray[Any]:
    """Return a metadata column by its name; DataError that lists those there are."""
    if name not in columns:
        raise DataError(
            f"{whose} have no column {name!r}",
            hint=f"The data set has {', '.join(columns) or 'no columns'}.",
        )
    return columns[name]

"""A table of images: names, files, positions, how they were taken, metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError
from georet.tables.arrays import Bools, Doubles, Ints

FIELDS: Final[Mapping[str, tuple[int, ...]]] = {
    "corners_latlon": (4, 2),
    "side_m": (),
    "heading_deg": (),
    "altitude_m": (),
}
"""Fields of an ImageTable that are columns too, and their shape for each image."""
PLANE: Final = ("easting_m", "northing_m")
"""The columns that say where images lie in a plane: projected coordinates, or those of a game."""
_FARTHEST: Final = (91.0, 540.0)


@dataclass(frozen=True)
class ImageTable:
    """A table of R images: ids, paths, latlon float64[R, 2] or None, metadata columns [R, ...].

    What else is known of each image, float64, NaN where it isn't known of one, None where it is of
    none:

    - ``corners_latlon`` [R, 4, 2] is its footprint: the ground in its top left, top right, bottom
      right and bottom left corner. Longitudes run on over the antimeridian.
    - ``side_m`` [R] is the mean ground length in metres of the footprint's four sides.
    - ``heading_deg`` [R] runs clockwise from north: of the viewing direction over the ground, and
      of its upper edge where an image looks straight down, as overhead tiles do.
    - ``altitude_m`` [R] is the camera's height above the ground in metres.

    Each is a column as well, and a column of such a name is the field; where both are given, the
    field counts. DataError for a table that contradicts itself.

    ``origin`` says in errors which data set tells of them; georet fills it in.
    """

    ids: Sequence[str]
    paths: Sequence[Path]
    latlon: Doubles | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    name: str = "images"
    corners_latlon: Doubles | None = None
    side_m: Doubles | None = None
    heading_deg: Doubles | None = None
    altitude_m: Doubles | None = None
    origin: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        self._unite()
        self._check_lengths()
        self._check_ids()
        self._check_latlon()
        self._check_fields()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def plane_m(self) -> Doubles | None:
        """Easting and northing float64[R, 2] in metres, of the columns of these names, or None."""
        if not all(name in self.columns for name in PLANE):
            return None
        return np.stack([self.columns[name] for name in PLANE], axis=1).astype(np.float64)

    def take(self, rows: Ints) -> ImageTable:
        """Return the table of the given rows int64[M], in that order."""
        return ImageTable(
            [self.ids[i] for i in rows],
            [self.paths[i] for i in rows],
            None if self.latlon is None else self.latlon[rows],
            {name: column[rows] for name, column in self.columns.items()},
            self.name,
            origin=self.origin,
        )

    def in_words(self, row: int) -> str:
        """Return which image a row is, of which table and data set, for errors."""
        origin = f" of {self.origin}" if self.origin else ""
        return f"row {row} ({self.ids[row]!r}) of {self.name}{origin}"

    def column(self, name: str) -> NDArray[Any]:
        """Return the metadata column [R]; DataError that lists those there are."""
        return column_of(self.columns, name, self.name)

    def _unite(self) -> None:
        """Make fields and the columns of their names the same arrays of float64."""
        columns = dict(self.columns)
        for name in FIELDS:
            given = getattr(self, name)
            given = columns.get(name) if given is None else given
            if given is None:
                continue
            try:
                columns[name] = np.asarray(given, np.float64)
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"{name!r} holds {np.asarray(given).dtype}, wanted numbers",
                    where=self.name,
                    hint="A column of this name has a meaning; call another one by another name.",
                ) from error
            object.__setattr__(self, name, columns[name])
        object.__setattr__(self, "columns", columns)

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

    def _check_fields(self) -> None:
        for name, shape in FIELDS.items():
            values = getattr(self, name)
            if values is None:
                continue
            if values.shape[1:] != shape:
                raise DataError(
                    f"{name!r} has shape {list(values.shape)}, wanted {[len(self), *shape]}",
                    where=self.name,
                )
            bad = np.flatnonzero(~_is_right(name, values))
            if len(bad):
                raise DataError(
                    f"{name!r} of {self.ids[bad[0]]!r} is {values[bad[0]].tolist()}",
                    where=self.name,
                    hint=_WANTED[name],
                )


_WANTED: Final = {
    "corners_latlon": "Four corners in degrees, latitude first; all NaN where they aren't known.",
    "side_m": "Metres, more than 0; NaN where it isn't known.",
    "heading_deg": "Degrees clockwise from north; NaN where it isn't known.",
    "altitude_m": "Metres above the ground; NaN where it isn't known.",
}


def _is_right(name: str, values: Doubles) -> Bools:
    """Return bool[R]: which values of a field may stand there."""
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    right = np.isfinite(flat).all(axis=1) | np.isnan(flat).all(axis=1)
    if name == "side_m":
        right &= ~(values <= 0)
    if name == "corners_latlon":
        right &= ~(np.abs(values) > _FARTHEST).any(axis=(1, 2))
    return np.asarray(right, np.bool_)


def column_of(columns: Mapping[str, NDArray[Any]], name: str, whose: str) -> NDArray[Any]:
    """Return a metadata column by its name; DataError that lists those there are."""
    if name not in columns:
        raise DataError(
            f"{whose} have no column {name!r}",
            hint=f"The data set has {', '.join(columns) or 'no columns'}.",
        )
    return columns[name]

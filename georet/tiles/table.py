"""What a gallery knows of its tiles, and what a source of tiles must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from georet.errors import DataError
from georet.types import Doubles, Ints, Pixels

_FARTHEST: Final = (91.0, 540.0)
"""Degrees: corners run on over the antimeridian, and what touches a pole may round beyond it."""


@dataclass(frozen=True)
class TileTable:
    """R tiles: ids, centres latlon float64[R, 2], corners_latlon float64[R, 4, 2], side_m [R].

    Corners follow the image: top left, top right, bottom right, bottom left. Centres have
    longitudes in -180..180; corners run on beyond it where a tile crosses the antimeridian, so
    that a footprint is always in one piece. ``side_m`` float64[R] is the mean ground length of the
    four sides in metres.
    """

    ids: Sequence[str]
    latlon: Doubles
    corners_latlon: Doubles
    side_m: Doubles

    def __post_init__(self) -> None:
        num = len(self.ids)
        wanted = {"latlon": (num, 2), "corners_latlon": (num, 4, 2), "side_m": (num,)}
        for name, shape in wanted.items():
            found = getattr(self, name).shape
            if found != shape:
                raise DataError(f"{name} has shape {list(found)}, wanted {list(shape)}")
        if len(set(self.ids)) != num:
            raise DataError("two tiles have the same id")
        self._check_values()

    def _check_values(self) -> None:
        """Raise DataError that names the first tile whose text or numbers can't be a tile's."""
        latitude, longitude = self.latlon[:, 0], self.latlon[:, 1]
        # Comparisons with NaN are false, so that it is never right.
        is_right = {
            "a centre that is no place on Earth": (np.abs(latitude) <= 90)
            & (np.abs(longitude) <= 180),
            "corners that are no places on Earth": (np.abs(self.corners_latlon) <= _FARTHEST).all(
                axis=(1, 2)
            ),
            "a side that is no length in metres": (self.side_m > 0) & np.isfinite(self.side_m),
        }
        for what, is_good in is_right.items():
            if not is_good.all():
                at = int(np.flatnonzero(~is_good)[0])
                raise DataError(f"has {what}", where=f"tile {self.ids[at]!r} (row {at})")
        try:
            "".join(self.ids).encode()
        except (TypeError, UnicodeEncodeError) as error:
            raise DataError(f"an id is not text in UTF-8: {error}", where="tile ids") from error

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Ints) -> TileTable:
        """Return the tiles of the given rows int64[M], in that order."""
        ids = [self.ids[row] for row in rows]
        return TileTable(ids, self.latlon[rows], self.corners_latlon[rows], self.side_m[rows])


@runtime_checkable
class TileSource(Protocol):
    """Where tiles come from. Picklable: files are opened when first read, in each process."""

    def tiles(self) -> TileTable:
        """Return all tiles in a fixed order; decodes as little as possible."""

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[h, w, 3], RGB, in its own resolution.

        Raises DataError that names file and tile where it can't be read.
        """

    def describe(self) -> dict[str, Any]:
        """Return JSON values that name the source and all that decides its tiles."""


@runtime_checkable
class Scaled(Protocol):
    """A source that decodes as training does under a fast rule of resizing; each tile is a file."""

    def read_scaled(self, row: int, size: tuple[int, int]) -> Pixels:
        """Return a tile uint8[h, w, 3] at the smallest n/8 that covers ``size`` (height, width).

        ``georet.data.images.read_scaled`` reads a file so. Raises DataError as ``read``.
        """


@runtime_checkable
class Surrounding(Protocol):
    """A source that also shows what lies around a tile."""

    def read_around(self, row: int, side_m: float) -> tuple[Pixels, Doubles]:
        """Return ``side_m`` metres around a tile's centre, less where the source ends.

        uint8[h, w, 3], and the corners float64[4, 2] of that, top left first, then clockwise; or
        float64[n, n, 2], n > 2, where evenly spaced points of it lie, row by row from the top left:
        a wide piece of a map is no parallelogram on the ground.
        """

"""What a refiner must do, what it is given, and what it returns: places within tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self, runtime_checkable

import numpy as np

from georet.types import Doubles, Pixels

LatLon = tuple[float, float]


@dataclass(frozen=True)
class Patch:
    """A piece of the map: uint8[h, w, 3], and where its corners lie.

    ``corners_latlon`` float64[4, 2] run top left, top right, bottom right, bottom left; longitudes
    run on over the antimeridian. ``is_full`` says that the pixels are the source's own; else they
    are a thumbnail, since the source is gone or another, and ``note`` says why. ``grid_latlon``
    float64[n, n, 2] are evenly spaced points of it, row by row from the top left, where these are
    known: a wide piece of a map is no parallelogram on the ground.
    """

    image: Pixels
    corners_latlon: Doubles
    is_full: bool = True
    note: str = ""
    grid_latlon: Doubles | None = None

    @classmethod
    def of(cls, image: Pixels, latlon: Doubles) -> Self:
        """Return a piece whose corners [4, 2] or points [n, n, 2] are given."""
        if latlon.ndim == 2:
            return cls(image, latlon)
        corners = latlon[[0, 0, -1, -1], [0, -1, -1, 0]]
        return cls(image, corners, grid_latlon=latlon)

    def latlon_of(self, positions: Doubles) -> Doubles:
        """Return where columns and rows float64[N, 2] lie, as degrees [N, 2].

        Position (0, 0) is the top left corner of the top left pixel, whose centre is (0.5, 0.5).
        Bilinear between the corners, which is right for pieces of some kilometres.
        """
        height, width = self.image.shape[:2]
        right, down = (np.asarray(positions, np.float64) / (width, height)).T[:, :, None]
        top_left, top_right, bottom_right, bottom_left = self.corners_latlon
        top = top_left + right * (top_right - top_left)
        bottom = bottom_left + right * (bottom_right - bottom_left)
        found: Doubles = top + down * (bottom - top)
        return found


class Relief(Protocol):
    """Heights above a plane z = 0, never beyond ``low_m`` and ``high_m``."""

    @property
    def low_m(self) -> float:
        """No height is less."""

    @property
    def high_m(self) -> float:
        """No height is greater."""

    def heights(self, points_m: Doubles, /) -> Doubles:
        """Return the heights float64[N] at points [N, 2] (east, north)."""


@dataclass(frozen=True)
class Tile:
    """A candidate of a photo, best first in a refiner's list.

    ``row`` is its place in the gallery, ``score`` its cosine, ``belief`` its share of belief among
    all tiles. ``read`` reads its pixels; ``patch`` does so once. ``read_around`` reads a square of
    that many metres around its centre, or less where the source shows less; None: it can't.
    ``read_relief`` reads the heights of the ground up to so many metres around its centre, above
    the ground there, by metres east and north; None: nobody told them.
    """

    id: str
    row: int
    latlon: LatLon
    corners_latlon: Doubles
    side_m: float
    score: float
    belief: float
    read: Callable[[], Patch]
    read_around: Callable[[float], Patch] | None = None
    read_relief: Callable[[float], Relief] | None = None

    @cached_property
    def patch(self) -> Patch:
        """The tile itself, in the source's own resolution."""
        return self.read()

    def around(self, side_m: float) -> Patch:
        """Return what lies ``side_m`` metres around the tile's centre, never less than the tile."""
        if self.read_around is None or side_m <= self.side_m:
            return self.patch
        return self.read_around(side_m)


@dataclass(frozen=True, kw_only=True)
class Camera:
    """What is known of the camera beforehand; None: nothing. Each angle has a standard deviation.

    ``heading_deg`` runs clockwise from north, of the viewing direction over the ground (of a photo
    that looks straight down, of its upper edge). ``tilt_deg`` is 0 straight down and 90 at the
    horizon, ``roll_deg`` clockwise as the photographer sees it. ``height_m`` is above the ground,
    ``height_sigma`` its relative deviation. ``fov_deg`` is the angle that the photo's width spans.
    """

    heading_deg: float | None = None
    heading_sigma_deg: float = 5.0
    tilt_deg: float | None = None
    tilt_sigma_deg: float = 2.0
    roll_deg: float | None = None
    roll_sigma_deg: float = 2.0
    height_m: float | None = None
    height_sigma: float = 0.1
    fov_deg: float | None = None


@dataclass(frozen=True, kw_only=True)
class Refinement:
    """A place within a tile, or the reason why there is none; ValueError unless it is either.

    ``latlon`` is the point on the ground that the photo's middle shows, in degrees.
    ``covariance_m2`` float64[2, 2] is how sure that is, in square metres, east and north.
    ``heading_deg`` is as in ``Camera``; ``camera_latlon`` and ``height_m`` above ground say where
    the camera was. ``inliers`` are the matches that agree, ``tile`` the place of the tile they
    rest on, among those given. ``corners_latlon`` float64[4, 2] is the ground in the photo's
    corners, top left first, then clockwise as seen in the photo. ``matches`` float64[M, 4] are
    some of the matches that agree: column and row in the photo, latitude and longitude. Both are
    for those who look, None where there are none. ``reason`` says why the place isn't accepted;
    empty: it is. ``by`` names
    which of a refiner's methods found it, where it has several, and ``clearness`` is how clearly,
    in the method's own units, more is better: a gallery's calibration learns from it what chance
    reaches. ``scatter_m`` is what the standard deviation of ``latlon`` on each axis would be if
    every match erred by itself over an exact map: no promise, but what errors go with, so that a
    calibration learns radii on it; None: on ``covariance_m2``.
    """

    latlon: LatLon | None = None
    covariance_m2: Doubles | None = None
    heading_deg: float | None = None
    camera_latlon: LatLon | None = None
    height_m: float | None = None
    inliers: int = 0
    tile: int | None = None
    corners_latlon: Doubles | None = None
    matches: Doubles | None = None
    reason: str = ""
    by: str = ""
    clearness: float | None = None
    scatter_m: float | None = None

    def __post_init__(self) -> None:
        if self.inliers < 0:
            raise ValueError(f"inliers is {self.inliers}")
        if not self.is_accepted:
            return
        if self.latlon is None or self.covariance_m2 is None or self.tile is None:
            raise ValueError("without a reason, latlon, covariance_m2 and tile must be given")
        for name in ("latlon", "camera_latlon"):
            place = getattr(self, name)
            if place is not None and not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
                raise ValueError(f"{name} {place} is no place on Earth")
        check_covariance(self.covariance_m2)
        for name, shape in (("corners_latlon", (4, 2)), ("matches", (None, 4))):
            found = getattr(self, name)
            if found is not None:
                _check_table(name, found, shape)

    @property
    def is_accepted(self) -> bool:
        """Whether the place counts."""
        return not self.reason

    @classmethod
    def refused(cls, reason: str, *, inliers: int = 0) -> Self:
        """Return that there is no place, and why: ``"7 matches agree, 15 are needed"``."""
        return cls(reason=reason, inliers=inliers)


@runtime_checkable
class Refiner(Protocol):
    """Places a photo within one of its best tiles.

    Called with the photo uint8[H, W, 3], upright and in its own resolution, and at most
    ``max_candidates`` tiles, best first. One that has a parameter ``camera`` is told what is known
    of the camera (``Camera``). The same arguments give the same answer; what it learns of a tile it
    may keep, by the tile's id.
    """

    max_candidates: int

    def __call__(self, photo: Pixels, tiles: Sequence[Tile], /) -> Refinement: ...


def check_covariance(covariance_m2: Doubles) -> None:
    """Raise ValueError unless float64[2, 2] is symmetric, finite and positive definite."""
    found = np.asarray(covariance_m2, np.float64)
    if found.shape != (2, 2) or not np.isfinite(found).all():
        raise ValueError(f"covariance_m2 is {found.tolist()}, wanted 2 x 2 numbers")
    # Its own scale decides what rounding is: centimetres and kilometres are both in use.
    if abs(found[0, 1] - found[1, 0]) > 1e-9 * np.abs(found).max() or (
        np.linalg.eigvalsh(found)[0] <= 0
    ):
        raise ValueError(f"covariance_m2 {found.tolist()} is not symmetric and positive definite")


def _check_table(name: str, found: Doubles, shape: tuple[int | None, int]) -> None:
    """Raise ValueError unless float64 of that shape (None: any length) is finite."""
    num_rows, num_columns = shape
    is_right = found.ndim == 2 and found.shape[1] == num_columns
    if not is_right or (num_rows is not None and len(found) != num_rows):
        raise ValueError(f"{name} has the shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} holds what is no number")

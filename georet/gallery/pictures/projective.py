"""Where in a tile's image a point on the ground lies, from the tile's four corners alone."""

from __future__ import annotations

import numpy as np

from georet.geodesy import EARTH_RADIUS_M, unit_vectors, vectors_of_angles
from georet.ground.wgs84 import mercator_y
from georet.tiles.table import TileTable
from georet.types import Doubles, Ints

_CORNERS = np.array([(0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 1.0), (0.0, 1.0, 1.0)])
"""The corners in the image: top left, top right, bottom right, bottom left."""


class ImageMaps:
    """The projective maps from the ground to the images of R tiles.

    Four corners fix such a map once it is known which plane the image is straight in. Tiles cut
    from maps are straight in the Mercator plane, tiles seen from above in the plane that touches
    the Earth at their centre (gnomonic); for small tiles both are the same. The plane taken is the
    one whose maps send the tiles' centres to the middle of the images.
    """

    def __init__(self, tiles: TileTable) -> None:
        self._centre_rad = np.radians(tiles.latlon)
        corners_rad = np.radians(tiles.corners_latlon)
        side = np.maximum(tiles.side_m, 1e-3) / EARTH_RADIUS_M
        # In units of the tile's own side, so that small tiles are as exact as large ones.
        unit = np.stack([side, side, np.ones_like(side)], axis=1)[:, :, None]
        gnomonic = self._fitted(_gnomonic_axes(tiles) / unit, corners_rad, is_gnomonic=True)
        mercator = self._fitted(self._mercator_axes() / unit, corners_rad, is_gnomonic=False)
        self._is_gnomonic = gnomonic[0] <= mercator[0]
        self._to_image = (gnomonic if self._is_gnomonic else mercator)[1]

    def image_xy(self, rows: Ints, latlon_rad: Doubles) -> Doubles:
        """Return where in the images of ``rows`` [M] the points [M, 2] lie, float64[M, 2].

        x runs right and y down, both from 0 to 1 inside the image. Points are latitude and
        longitude in radians. A point on the far side of the Earth comes out as NaN.
        """
        near_rad = self._centre_rad[rows, 1]
        points = _homogeneous(latlon_rad, near_rad, is_gnomonic=self._is_gnomonic)
        return _divided(np.einsum("mij,mj->mi", self._to_image[rows], points))

    def _fitted(
        self, axes: Doubles, corners_rad: Doubles, *, is_gnomonic: bool
    ) -> tuple[float, Doubles]:
        """Return how far the maps float64[R, 3, 3] miss the images' middles, and the maps."""
        near_rad = self._centre_rad[:, None, 1]
        points = _homogeneous(corners_rad, near_rad, is_gnomonic=is_gnomonic)
        to_image = _from_corners(np.einsum("rij,rkj->rki", axes, points)) @ axes
        centre = _homogeneous(self._centre_rad, near_rad[:, 0], is_gnomonic=is_gnomonic)
        middle = np.einsum("rij,rj->ri", to_image, centre)
        # A projective map has no sign of its own: w shall be positive on the tile's side.
        sign = np.where(middle[:, 2:] < 0, -1.0, 1.0)
        # Where a centre has no image at all, the plane misses by a whole side.
        miss = np.nan_to_num(np.abs(_divided(middle * sign) - 0.5), nan=1.0)
        return float(miss.sum()), to_image * sign[:, :, None]

    def _mercator_axes(self) -> Doubles:
        """Return float64[R, 3, 3]: from (longitude, Mercator y, 1) to the plane round each tile."""
        latitude, longitude = self._centre_rad.T
        shrink, zero, one = np.cos(latitude), np.zeros_like(latitude), np.ones_like(latitude)
        east = np.stack([shrink, zero, -shrink * longitude], axis=1)
        north = np.stack([zero, shrink, -shrink * mercator_y(latitude)], axis=1)
        return np.stack([east, north, np.stack([zero, zero, one], axis=1)], axis=1)


def _gnomonic_axes(tiles: TileTable) -> Doubles:
    """Return float64[R, 3, 3]: the axes east, north and up at each tile's centre."""
    longitude = np.radians(tiles.latlon[:, 1])
    up = unit_vectors(tiles.latlon)
    east = np.stack([-np.sin(longitude), np.cos(longitude), np.zeros_like(longitude)], axis=1)
    return np.stack([east, np.cross(up, east), up], axis=1)


def _homogeneous(latlon_rad: Doubles, near_rad: Doubles, *, is_gnomonic: bool) -> Doubles:
    """Return points float64[..., 3]; for Mercator's plane with longitudes on the tile's side."""
    if is_gnomonic:
        # A direction is a point of the plane in homogeneous form; the division comes at the end.
        return vectors_of_angles(latlon_rad)
    latitude, longitude = latlon_rad[..., 0], latlon_rad[..., 1]
    turn = 2 * np.pi
    longitude = longitude + turn * np.round((near_rad - longitude) / turn)
    return np.stack([longitude, mercator_y(latitude), np.ones_like(latitude)], axis=-1)


def _from_corners(corners: Doubles) -> Doubles:
    """Return float64[R, 3, 3] that send the corners [R, 4, 3] to those of the image.

    Both quadrangles are the standard frame under a matrix whose columns are three of the points,
    scaled so that they sum to the fourth (Heckbert, Fundamentals of Texture Mapping and Image
    Warping, 1989, section 2.2). Degenerate footprints give NaN.
    """
    return _frame(_CORNERS[None]) @ _inverse(_frame(corners))


def _frame(points: Doubles) -> Doubles:
    columns = np.swapaxes(points[:, :3], 1, 2)
    # How much of each of three points makes the fourth.
    weights = _inverse(columns) @ points[:, 3, :, None]
    framed: Doubles = columns * np.swapaxes(weights, 1, 2)
    return framed


def _inverse(matrices: Doubles) -> Doubles:
    with np.errstate(invalid="ignore"):
        # Coordinates are in sides of the tile, so that one bound serves all sizes.
        is_flat = ~(np.abs(np.linalg.det(matrices)) > 1e-9)
    # A single singular matrix would make ``inv`` refuse the whole stack.
    inverse: Doubles = np.linalg.inv(np.where(is_flat[:, None, None], np.eye(3), matrices))
    inverse[is_flat] = np.nan
    return inverse


def _divided(points: Doubles) -> Doubles:
    """Return x / w and y / w, NaN where w is not positive: on the far side."""
    weight = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
    divided: Doubles = points[..., :2] / weight
    return divided

"""What ground the images of a table show, from as much as the table says."""

from __future__ import annotations

import numpy as np

from georet.ground.wgs84 import mean_side_m, square_corners
from georet.types import Doubles, ImageTable, Ints


def corners_of(images: ImageTable) -> Doubles:
    """Return the corners float64[R, 4, 2] in degrees: top left, then clockwise; NaN: not known.

    They are the table's own, else those of a square of ``side_m`` around the position, whose top
    points to ``heading_deg``, or north where that isn't known.
    """
    num = len(images)
    corners = np.full((num, 4, 2), np.nan)
    if images.corners_latlon is not None:
        corners[:] = images.corners_latlon
    if images.latlon is None or images.side_m is None:
        return corners
    heading = np.zeros(num) if images.heading_deg is None else np.nan_to_num(images.heading_deg)
    is_square = np.isnan(corners[:, 0, 0]) & np.isfinite(images.side_m)
    corners[is_square] = square_corners(
        images.latlon[is_square], images.side_m[is_square], heading[is_square]
    )
    return corners


def sides_of(images: ImageTable) -> Doubles:
    """Return mean sides float64[R] in metres, told or of footprints; NaN where not known."""
    sides = np.full(len(images), np.nan)
    if images.side_m is not None:
        sides[:] = images.side_m
    if images.corners_latlon is not None:
        is_known = np.isnan(sides) & np.isfinite(images.corners_latlon[:, 0, 0])
        sides[is_known] = mean_side_m(images.corners_latlon[is_known])
    return sides


def without_ground(images: ImageTable) -> Ints:
    """Return the rows int64[M] of images whose footprint or position isn't known."""
    if images.latlon is None:
        return np.arange(len(images))
    return np.flatnonzero(~np.isfinite(corners_of(images)).all(axis=(1, 2)))

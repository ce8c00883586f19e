"""What ground a camera over a plane sees, and how much of it a tile shows."""

from __future__ import annotations

import math

import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.types import Doubles

_PIXELS = 1000
_FARTHEST = 10.0
"""How far a footprint reaches, in heights, where it would run to the horizon."""


def seen(pose: Pose, fov_deg: tuple[float, float]) -> Doubles:
    """Return the quadrilateral float64[4, 2] of ground that a photo shows, in metres.

    Top left, top right, bottom right and bottom left corner of the photo, east and north as the
    pose. ``fov_deg`` are its horizontal and vertical field of view in degrees; without tilt the
    sides are 2 h tan(fov / 2).
    """
    across, along = (2 * math.tan(math.radians(fov) / 2) for fov in fov_deg)
    width = _PIXELS
    height = max(1, round(width * along / across))
    lens = Lens.of_fov(width, height, math.radians(fov_deg[0]))
    return Pinhole(lens, pose).footprint(reach_m=_FARTHEST * pose.height_m, per_side=1)


def iou(a: Doubles, b: Doubles) -> float:
    """Return the intersection over union of two convex polygons float64[N, 2], [M, 2].

    In double precision: where edges nearly coincide OpenCV's intersection is far off.
    """
    middle = a.mean(axis=0)
    first, second = _counterclockwise(a - middle), _counterclockwise(b - middle)
    common = first
    for start, end in zip(second, np.roll(second, -1, axis=0), strict=True):
        common = _left_of(common, start, end)
    shared = abs(_area(common))
    union = abs(_area(first)) + abs(_area(second)) - shared
    return float(shared / union) if union > 0 else 0.0


def _left_of(ring: Doubles, start: Doubles, end: Doubles) -> Doubles:
    """Return the part of a convex polygon float64[N, 2] that lies left of a line.

    I. E. Sutherland, G. W. Hodgman, Reentrant polygon clipping, CACM 17 (1), 1974.
    """
    along = end - start
    side = along[0] * (ring[:, 1] - start[1]) - along[1] * (ring[:, 0] - start[0])
    found = []
    for at in range(len(ring)):
        before, here = side[at - 1], side[at]
        if (before >= 0) != (here >= 0):
            share = before / (before - here)
            found.append(ring[at - 1] + share * (ring[at] - ring[at - 1]))
        if here >= 0:
            found.append(ring[at])
    return np.array(found).reshape(-1, 2)


def _counterclockwise(ring: Doubles) -> Doubles:
    return ring if _area(ring) >= 0 else ring[::-1]


def _area(ring: Doubles) -> float:
    """Return the area of a polygon float64[N, 2], negative where it runs clockwise."""
    x, y = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2

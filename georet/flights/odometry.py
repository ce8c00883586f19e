"""How far a camera's look moved between two frames, by what both show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Self

import cv2
import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.photos.camera.facts import CameraFacts
from georet.types import Doubles, Pixels

_PX: Final = 480
_FEATURES: Final = 1000
_RATIO: Final = 0.8
_FEWEST: Final = 20
_WITHIN_PX: Final = 2.0
_MOST_STRETCH: Final = 1.6


@dataclass(frozen=True)
class Glance:
    """What two frames tell of each other.

    ``right_m`` and ``ahead_m``: how far the point in the middle moved, as the earlier frame's
    upper edge points ahead; ``turn_deg``: how far the later frame is turned clockwise.
    """

    right_m: float
    ahead_m: float
    turn_deg: float
    inliers: int

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return dict(vars(self))

    @classmethod
    def of_json(cls, values: dict[str, Any] | None) -> Self | None:
        """Return a glance of its JSON values."""
        return None if values is None else cls(**values)


@dataclass(frozen=True)
class Sketch:
    """A frame's features: points float64[N, 2] of the whole frame, and ORB's descriptors."""

    points: Doubles
    descriptors: Pixels
    size: tuple[int, int]

    @classmethod
    def of(cls, image: Pixels) -> Self:
        """Return the sketch of uint8[H, W, 3]."""
        rows, columns = image.shape[:2]
        scale = min(1.0, _PX / max(rows, columns))
        size = max(1, round(columns * scale)), max(1, round(rows * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        # Frames of one flight are alike in light and scale: ORB is enough, at a tenth of the cost.
        orb = cv2.ORB.create(nfeatures=_FEATURES, fastThreshold=7)
        keys, found = orb.detectAndCompute(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), None)
        if not len(keys):
            return cls(np.empty((0, 2)), np.empty((0, 32), np.uint8), (columns, rows))
        points = (np.array([key.pt for key in keys]) + 0.5) * (columns / size[0], rows / size[1])
        return cls(points, np.asarray(found, np.uint8), (columns, rows))


def glance(before: Sketch, after: Sketch, facts: CameraFacts) -> Glance | None:
    """Return what the later frame tells of the earlier one, whose camera's ``facts`` are known.

    None where tilt, height or lens are unknown, or the frames have too little in common.
    """
    tilt, height, fov = facts.tilt_deg, facts.height_m, facts.fov_deg
    if tilt is None or height is None or fov is None or before.size != after.size:
        return None
    found = _homography(after, before)
    if found is None:
        return None
    matrix, inliers = found
    columns, rows = before.size
    lens = Lens.of_fov(columns, rows, math.radians(fov.value))
    roll = 0.0 if facts.roll_deg is None else math.radians(facts.roll_deg.value)
    camera = Pinhole(lens, Pose(0, 0, height.value, 0.0, math.radians(tilt.value), roll))
    middle = np.array([columns / 2, rows / 2])
    ends = np.array([middle, middle - [0, rows / 8]])
    homogeneous = np.column_stack([ends, np.ones(2)]) @ matrix.T
    seen = homogeneous[:, :2] / homogeneous[:, 2:]
    ground = camera.ground(np.vstack([ends, seen]))[:, :2]
    if not np.isfinite(ground).all():
        return None
    own, other = ground[1] - ground[0], ground[3] - ground[2]
    moved = ground[2] - ground[0]
    turn = math.atan2(other[0], other[1]) - math.atan2(own[0], own[1])
    turn_deg = (math.degrees(turn) + 180.0) % 360.0 - 180.0
    return Glance(float(moved[0]), float(moved[1]), turn_deg, inliers)


def _homography(source: Sketch, target: Sketch) -> tuple[Doubles, int] | None:
    """Return the plane's mapping of pixels from one frame to the other, and who agrees."""
    if min(len(source.points), len(target.points)) < _FEWEST:
        return None
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    pairs = matcher.knnMatch(source.descriptors, target.descriptors, k=2)
    kept = [a for a, b in (p for p in pairs if len(p) == 2) if a.distance < _RATIO * b.distance]
    if len(kept) < _FEWEST:
        return None
    ours = source.points[[match.queryIdx for match in kept]]
    theirs = target.points[[match.trainIdx for match in kept]]
    within = _WITHIN_PX * max(1.0, max(source.size) / _PX)
    found: Any = cv2.findHomography(ours, theirs, cv2.USAC_MAGSAC, within)
    matrix, mask = found
    inliers = 0 if mask is None else int(mask.sum())
    if matrix is None or inliers < _FEWEST:
        return None
    # Two frames of one flight are about as high: a mapping that stretches is none of the ground.
    stretch = math.sqrt(abs(float(np.linalg.det(matrix[:2, :2]))))
    if not 1 / _MOST_STRETCH < stretch < _MOST_STRETCH or float(np.linalg.det(matrix)) <= 0:
        return None
    return np.asarray(matrix, np.float64), inliers

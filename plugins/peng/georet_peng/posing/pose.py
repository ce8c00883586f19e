"""From directions seen in street images to the place and heading of a level camera among them.

Two things tell where a camera is. A *landmark*, seen in two street images of known place, is a
point in metres; a photo that shows it too sees it in one direction alone. A *pair*, seen in the
photo and in one street image, lies in one plane with both cameras, so it tells in which direction
the photo was taken from there, not how far away. All cameras are level and equally high.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from georet.types import Bools, Doubles, Ints
from georet_peng.city.plane import bearing_of, crossing, wrapped

LANDMARK_RAD: Final = np.radians(1.2)
"""How far a landmark's height as seen from its two images may differ, as an angle."""
LEAST_PARALLAX_RAD: Final = np.radians(4.0)
NEAREST_M: Final = 1.5
FARTHEST_M: Final = 80.0
SIGMA_RAD: Final = np.radians(0.7)
"""How well a direction is known: most of a pixel in a small panorama."""
AGREES_RAD: Final = np.radians(2.5)
_SCALE2: Final = (AGREES_RAD / 2) ** 2
_NUM_STARTS, _STEPS, _MOST_STEP_M = 2, 15, 4.0
_TINY: Final = np.array([1e-3, 1e-3, 1e-5])


class Pose(NamedTuple):
    """Where a camera is: east and north float64[2] in metres, the bearing of its middle.

    ``covariance`` float64[3, 3] is in metres and radians. ``landmarks`` bool[N], ``pairs`` bool[M]:
    those that agree. ``cost`` counts those that don't, near misses in part.
    """

    xy_m: Doubles
    heading_rad: float
    covariance: Doubles
    landmarks: Bools
    pairs: Bools
    cost: float


@dataclass(frozen=True)
class Sights:
    """What a photo shows of what is known; directions are (azimuth or bearing, elevation).

    Landmarks ``xyz_m`` float64[N, 3] (east, north, height above the camera) are seen at ``seen``
    float64[N, 2] from the photo's middle. Pairs are seen there at ``here`` float64[M, 2], and from
    the street images at ``from_m`` float64[M, 2] at ``there`` float64[M, 2], from north.
    ``images`` int64[N, 2] and ``sources`` int64[M] are the street images that each is known by.
    """

    xyz_m: Doubles
    seen: Doubles
    from_m: Doubles
    here: Doubles
    there: Doubles
    images: Ints
    sources: Ints

    def errors(self, pose: Doubles) -> Doubles:
        """Return float64[N + M]: by how many radians things are seen where they should not be.

        ``pose`` float64[3] is east, north and heading. Of a pair it is the angle of what the photo
        sees to the plane of both cameras and what the street image sees; signs are kept, so that
        the square of a landmark's is the sum of two (see ``_stacked``).
        """
        found: Doubles = np.hypot(*np.moveaxis(self._stacked(pose), -1, 0))
        return found

    def _stacked(self, pose: Doubles) -> Doubles:
        """Return float64[N + M, 2] of signed angles; of a pair the second one is 0."""
        offset = self.xyz_m[:, :2] - pose[:2]
        azimuth = wrapped(self.seen[:, 0] + pose[2] - bearing_of(offset))
        elevation = self.seen[:, 1] - np.arctan2(self.xyz_m[:, 2], np.hypot(*offset.T))
        # High up, a step of azimuth is a shorter way over the sphere.
        landmarks = np.stack([azimuth * np.cos(self.seen[:, 1]), elevation], axis=1)
        way = np.insert(pose[:2] - self.from_m, 2, 0.0, axis=1)
        normal = np.cross(way, rays(self.there))
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        turned = self.here + np.array([pose[2], 0.0])
        off = np.arcsin(np.clip((rays(turned) * normal).sum(axis=1), -1, 1))
        return np.concatenate([landmarks, np.stack([off, np.zeros(len(off))], axis=1)])


def rays(directions: Doubles) -> Doubles:
    """Return unit vectors float64[N, 3] (east, north, up) of bearings and elevations [N, 2]."""
    flat = np.cos(directions[:, 1])
    east, north = flat * np.sin(directions[:, 0]), flat * np.cos(directions[:, 0])
    return np.stack([east, north, np.sin(directions[:, 1])], axis=1)


def landmarks_of(
    one_m: Doubles, one: Doubles, other_m: Doubles, other: Doubles
) -> tuple[Doubles, Bools]:
    """Return points float64[..., 3] seen from two places, and which of them can be: bool[...].

    ``one``, ``other`` float64[..., 2] are bearing and elevation from the places float64[2]. The two
    bearings cross in the plane; each elevation then has its own height of the point, and those must
    agree.
    """
    near, far = crossing(one_m, one[..., 0], other_m, other[..., 0])
    # Parallel directions cross at infinity; they are refused below.
    with np.errstate(invalid="ignore"):
        first, second = near * np.tan(one[..., 1]), far * np.tan(other[..., 1])
        height = (first + second) / 2
        off = np.abs(one[..., 1] - np.arctan2(height, near))
        off = np.maximum(off, np.abs(other[..., 1] - np.arctan2(height, far)))
        parallax = np.abs(wrapped(one[..., 0] - other[..., 0]))
        kept = (near > NEAREST_M) & (far > NEAREST_M) & (near < FARTHEST_M) & (far < FARTHEST_M)
        kept &= off < LANDMARK_RAD
        kept &= np.minimum(parallax, np.pi - parallax) > LEAST_PARALLAX_RAD
        ahead = np.stack([np.sin(one[..., 0]), np.cos(one[..., 0])], axis=-1)
        flat = one_m + near[..., None] * ahead
    return np.concatenate([flat, height[..., None]], axis=-1), np.asarray(kept, np.bool_)


def pose_of(sights: Sights, starts: Doubles) -> Pose | None:
    """Return the pose that most of what is seen agrees with; None where nothing decides it.

    From the two cheapest of ``starts`` float64[S, 3] Gauss-Newton steps go down the sum of
    e^2 / (e^2 + c^2) over all angles e, c being half of ``AGREES_RAD`` (Geman and McClure's, which
    bounds what an outlier can do); the cheapest end counts.
    """
    likely = sorted(starts.tolist(), key=lambda start: _cost(np.array(start), sights))
    best: Pose | None = None
    for start in likely[:_NUM_STARTS]:
        found = _descend(np.array(start), sights)
        if found is not None and (best is None or found.cost < best.cost):
            best = found
    return best


def _cost(pose: Doubles, sights: Sights) -> float:
    square = sights.errors(pose) ** 2
    return float((square / (square + _SCALE2)).sum())


def _descend(start: Doubles, sights: Sights) -> Pose | None:
    pose = np.array(start, np.float64)
    for _ in range(_STEPS):
        errors, jacobian = _linear(pose, sights)
        weight = (_SCALE2 / (_SCALE2 + (errors**2).sum(axis=1))) ** 2
        normal = np.einsum("n,nij,nik->jk", weight, jacobian, jacobian)
        slope = np.einsum("n,nij,ni->j", weight, jacobian, errors)
        # Damped, for where nothing that is seen tells of a direction.
        step = np.linalg.solve(normal + np.diag([1e-5, 1e-5, 1e-4]), slope)
        pose -= step * min(1.0, _MOST_STEP_M / max(float(np.hypot(*step[:2])), 1e-9))
        if np.abs(step).max() < 1e-4:
            break
    errors, jacobian = _linear(pose, sights)
    square = (errors**2).sum(axis=1)
    agree = square < AGREES_RAD**2
    information = np.einsum("nij,nik->jk", jacobian[agree], jacobian[agree]) / SIGMA_RAD**2
    if agree.sum() < 3 or np.linalg.eigvalsh(information)[0] < 1e-6:
        return None
    num = len(sights.xyz_m)
    cost = float((square / (square + _SCALE2)).sum())
    heading = float(wrapped(pose[2]))
    covariance = np.linalg.inv(information)
    return Pose(pose[:2], heading, covariance, agree[:num], agree[num:], cost)


def _linear(pose: Doubles, sights: Sights) -> tuple[Doubles, Doubles]:
    """Return the signed angles float64[N + M, 2] and their derivatives [N + M, 2, 3]."""
    here = sights._stacked(pose)
    columns = [
        (sights._stacked(pose + step) - sights._stacked(pose - step)) / (2 * step.sum())
        for step in np.diag(_TINY)
    ]
    return here, np.stack(columns, axis=-1)

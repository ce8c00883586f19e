"""Where a camera is, of the homography that shows its ground: closed form, then least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from georet.cameras.lens import Lens
from georet.cameras.pose import Pose
from georet.contracts.refining import Camera
from georet.types import Doubles

EFFECTIVE: Final = 8.0
"""So many independent matches do hundreds count as: relief, unmodelled, bends them alike."""
_STEEP_RAD: Final = math.radians(15.0)
_STEP: Final = 1e-4
_HIGHEST_LOOK: Final = -0.3
"""The axis must point this far down: nearer to the horizon a pixel is a field's length."""
_LOOSEST: Final = 1e16


@dataclass(frozen=True)
class Fit:
    """A camera's pose, and how sure it is.

    ``look_m`` [2] is the point of the ground on its axis, ``covariance`` float64[2, 2] of it and
    ``camera_sigma_m`` of the camera's own place, in metres; ``rms_px`` is what the matches leave.
    """

    pose: Pose
    look_m: Doubles
    covariance: Doubles
    camera_sigma_m: float
    rms_px: float

    @property
    def heading_rad(self) -> float:
        """The viewing direction over the ground; looking down, that of the upper edge."""
        if self.pose.tilt_rad < _STEEP_RAD:
            return self.pose.up_heading_rad
        return self.pose.heading_rad


def pose_of_plane(matrix: Doubles, lens: Lens, ground: Doubles) -> tuple[Doubles, Doubles]:
    """Return rotation [3, 3] and centre [3] of a camera that sees the plane z = 0 by a homography.

    B = K^-1 H = [b1 b2 b3], scaled so that b1 and b2 have unit length; the rotation nearest to
    [b1 b2 b1 x b2], the centre -R^T b3 (Zhang 2000, section 3.1). The sign is that for which the
    matched ``ground`` [M, 2] lies in front: its origin may lie behind the camera.
    """
    found = np.linalg.inv(lens.matrix) @ matrix
    found = found * (2 / (np.linalg.norm(found[:, 0]) + np.linalg.norm(found[:, 1])))
    if found[2] @ np.append(ground.mean(axis=0), 1) < 0:
        found = -found
    axes = np.column_stack([found[:, 0], found[:, 1], np.cross(found[:, 0], found[:, 1])])
    left, _, right = np.linalg.svd(axes)
    rotation = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    return rotation, -rotation.T @ found[:, 2]


def fitted(
    rotation: Doubles,
    centre: Doubles,
    lens: Lens,
    ground: Doubles,
    pixels: Doubles,
    *,
    camera: Camera,
    heights: Doubles | None = None,
) -> Fit | None:
    """Return the pose that suits the matches [M, 2] and what is known of the camera; None: none.

    Six numbers by least squares with Huber's loss. All matches together weigh as ``EFFECTIVE``
    many, so that an attitude from telemetry counts beside them. ``camera`` gives heading, tilt and
    height with their deviations, as far as they are known. ``heights`` [M] of the ground are 0
    unless they are told; the looked-at point is that of z = 0.
    """
    if heights is None:
        heights = np.zeros(len(ground))
    points = np.column_stack([ground, heights])
    problem = _Problem(rotation, lens, points, pixels, camera, max(1.0, float(centre[2])))
    start = np.concatenate([np.zeros(3), centre / problem.scale_m])
    sigma_px = max(0.3, problem.rms_px(start)) * math.sqrt(max(1.0, len(ground) / EFFECTIVE))

    def residuals(values: Doubles) -> Doubles:
        apart = (problem.seen(values) - pixels).ravel() / sigma_px
        return np.concatenate([apart, problem.known(values)])

    try:
        found = least_squares(residuals, start, loss="huber", f_scale=3.0, max_nfev=60)
    except (ValueError, np.linalg.LinAlgError):
        return None
    turned, place = problem.split(found.x)
    jac = np.asarray(found.jac, np.float64)
    normal = jac.T @ jac
    if turned[2, 2] > _HIGHEST_LOOK or place[2] <= 0 or np.linalg.cond(normal) > _LOOSEST:
        return None
    spread, look = np.linalg.inv(normal), problem.look(found.x)
    slopes = np.column_stack(
        [(problem.look(found.x + step) - look) / _STEP for step in _STEP * np.eye(6)]
    )
    return Fit(
        pose=Pose.of_rotation(turned, place),
        look_m=look,
        covariance=slopes @ spread @ slopes.T,
        camera_sigma_m=float(np.sqrt(np.trace(spread[3:5, 3:5]))) * problem.scale_m,
        rms_px=problem.rms_px(found.x),
    )


def told_rotation(camera: Camera, rotation: Doubles) -> Doubles:
    """Return the rotation [3, 3] that is told of a camera; what isn't told is as in another."""
    found = Pose.of_rotation(rotation, np.array([0, 0, 1.0]))
    heading, tilt, roll = (
        own if told is None else math.radians(told)
        for own, told in (
            (found.heading_rad, camera.heading_deg),
            (found.tilt_rad, camera.tilt_deg),
            (found.roll_rad, camera.roll_deg),
        )
    )
    return Pose(0, 0, 1, heading, tilt, roll).rotation


@dataclass(frozen=True)
class _Problem:
    """Six numbers: a rotation vector on ``rotation``, and the centre in units of ``scale_m``.

    ``ground`` [M, 3] are the matched points.
    """

    rotation: Doubles
    lens: Lens
    ground: Doubles
    pixels: Doubles
    camera: Camera
    scale_m: float

    def split(self, values: Doubles) -> tuple[Doubles, Doubles]:
        """Return the rotation [3, 3] and the centre [3] in metres."""
        turned: Doubles = Rotation.from_rotvec(values[:3]).as_matrix() @ self.rotation
        return turned, values[3:] * self.scale_m

    def seen(self, values: Doubles) -> Doubles:
        """Return the pixels [M, 2] in which the camera shows the matched ground."""
        turned, place = self.split(values)
        seen = (self.ground - place) @ turned.T
        matrix = self.lens.matrix
        # Behind the camera there is no pixel; far off the photo is far enough.
        flat = seen[:, :2] / np.maximum(seen[:, 2:], 1e-3 * self.scale_m)
        pixels: Doubles = flat * matrix[0, 0] + matrix[:2, 2]
        return pixels

    def rms_px(self, values: Doubles) -> float:
        """Return the root of the mean squared distance between matches and their pixels."""
        off = self.seen(values) - self.pixels
        return float(np.sqrt((off**2).sum(axis=1).mean()))

    def look(self, values: Doubles) -> Doubles:
        """Return the point [2] of the ground on the camera's axis, in metres."""
        turned, place = self.split(values)
        forward = turned[2]
        found: Doubles = place[:2] - forward[:2] / min(-1e-3, forward[2]) * place[2]
        return found

    @cached_property
    def prior(self) -> Doubles:
        """The rotation that telemetry tells; what it leaves open is as it was found."""
        return told_rotation(self.camera, self.rotation)

    def known(self, values: Doubles) -> Doubles:
        """Return how far values are from what is known beforehand, in deviations [0..4]."""
        camera, found = self.camera, list[float]()
        turned, place = self.split(values)
        # In the world's axes: about the vertical it is the heading that differs.
        off = np.degrees(Rotation.from_matrix(self.prior.T @ turned).as_rotvec())
        if camera.tilt_deg is not None:
            sigma = max(camera.tilt_sigma_deg, camera.roll_sigma_deg)
            found += [float(off[0]) / sigma, float(off[1]) / sigma]
        if camera.heading_deg is not None:
            found.append(float(off[2]) / camera.heading_sigma_deg)
        if camera.height_m is not None:
            higher = max(1e-6, float(place[2])) / camera.height_m
            found.append(math.log(higher) / camera.height_sigma)
        return np.array(found, np.float64)

"""A camera over the ground: which ground a pixel shows, and which pixel shows a piece of ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pose import Pose
from georet.cameras.relief import Relief, first_met
from georet.types import Doubles


@dataclass(frozen=True)
class Pinhole:
    """A lens at a pose. Ground is in metres, x east and y north; pixels count as ``Lens`` says."""

    lens: Lens
    pose: Pose

    @property
    def homography(self) -> Doubles:
        """H float64[3, 3]: (x, y, 1) on the plane z = 0 to pixels, the lens' bending left aside.

        H = K [R1 R2 -R C], R1 and R2 the first columns of the rotation, C the camera's place. Its
        third coordinate is positive for what lies in front of the camera.
        """
        rotation = self.pose.rotation
        shift = -rotation @ self.pose.centre_m
        found: Doubles = self.lens.matrix @ np.column_stack([rotation[:, :2], shift])
        return found

    @property
    def looked_at(self) -> Doubles:
        """The point [2] of the plane z = 0 on the camera's axis; NaN at or above the horizon."""
        forward = self.pose.rotation[2:]
        return self._on_plane(forward)[0, :2]

    def pixels(self, points_m: Doubles) -> Doubles:
        """Return the pixels float64[N, 2] that show points [N, 2] (on the plane) or [N, 3].

        NaN for points that are not in front of the camera. Points may lie outside the photo, and
        what stands before a point is not looked at.
        """
        points = np.asarray(points_m, np.float64)
        if points.shape[1] == 2:
            points = np.column_stack([points, np.zeros(len(points))])
        return self.lens.pixels((points - self.pose.centre_m) @ self.pose.rotation.T)

    def rays(self, pixels: Doubles) -> Doubles:
        """Return the directions float64[N, 3] in the world of pixels [N, 2], 1 along the axis."""
        found: Doubles = self.lens.directions(pixels) @ self.pose.rotation
        return found

    def ground(self, pixels: Doubles, relief: Relief | None = None) -> Doubles:
        """Return the ground float64[N, 3] that pixels [N, 2] show; NaN above the horizon.

        On the plane z = 0, or where the ray first meets the ``relief``.
        """
        return self._met(self.rays(pixels), relief)

    def ground_px_m(self, pixels: Doubles) -> Doubles:
        """Return how many metres of the plane a pixel covers at [N, 2], float64[N]; NaN: the sky.

        The root of the ground's area, so that along and across count alike; bending is left out.
        """
        return self._px_m(self.rays(pixels))

    def seen(self, pixels: Doubles, relief: Relief | None = None) -> tuple[Doubles, Doubles]:
        """Return ``ground`` and ``ground_px_m`` of pixels [N, 2]; bending is undone but once."""
        rays = self.rays(pixels)
        return self._met(rays, relief), self._px_m(rays)

    def _met(self, rays: Doubles, relief: Relief | None) -> Doubles:
        if relief is None:
            return self._on_plane(rays)
        return first_met(self.pose.centre_m, rays, relief)

    def _px_m(self, rays: Doubles) -> Doubles:
        down = -rays[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            # The solid angle of a pixel is 1 / (f^2 l^3), l the ray's length; at distance l t the
            # ground under it has l^2 t^2 of that, over the cosine down / l to the vertical.
            depth = self.pose.height_m / down
            area = depth**2 / (self.lens.focal_px**2 * down)
            found: Doubles = np.sqrt(np.where(down > 0, area, np.nan))
        return found

    def footprint(self, *, reach_m: float, per_side: int = 8) -> Doubles:
        """Return the outline float64[4 * per_side, 2] of the ground that the photo shows.

        From the top left corner clockwise. What lies farther from the point below the camera than
        ``reach_m``, or above the horizon, is drawn in to that distance.
        """
        corners = self.lens.corners
        share = np.arange(per_side)[:, None] / per_side
        sides = zip(corners, np.roll(corners, -1, axis=0), strict=True)
        rays = self.rays(np.concatenate([a + share * (b - a) for a, b in sides]))
        below = self.pose.centre_m[:2]
        away = self._on_plane(rays)[:, :2] - below
        distance = np.linalg.norm(away, axis=1)
        is_far = ~(distance <= reach_m)
        level = rays[:, :2] / np.maximum(np.linalg.norm(rays[:, :2], axis=1), 1e-12)[:, None]
        found: Doubles = below + np.where(is_far[:, None], level * reach_m, away)
        return found

    def _on_plane(self, rays: Doubles) -> Doubles:
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.where(rays[:, 2] < 0, self.pose.height_m / -rays[:, 2], np.nan)
        found: Doubles = self.pose.centre_m + at[:, None] * rays
        found[:, 2] = np.where(np.isfinite(at), 0.0, np.nan)
        return found

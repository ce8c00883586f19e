"""From agreeing matches to an answer: the pose, its deviation, and the gates it must pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from georet.cameras.lens import Lens
from georet.contracts.refining import Camera, Refinement
from georet.refiners.planes import is_seen_from_above
from georet.refiners.poses import EFFECTIVE, Fit, fitted, pose_of_plane
from georet.refiners.standing import Standing
from georet.refiners.windows import Window, inverse, projected
from georet.types import Doubles, Pixels

MOST_ROLL_DEG, MOST_TILT_DEG = 25.0, 65.0
HEIGHT_FACTOR: Final = 1.67
"""A height this many times the one that is told, or its inverse, is wrong."""
_HEADING_SIGMAS, _HEADING_SLACK_DEG = 3.0, 15.0
_MARGIN: Final = 0.25
"""So much of the window's side may the place lie outside of it."""
_SCALE: Final = (0.02, 20.0)
"""Between which shares of the window a photo's frame may be as large, where no height is told."""
MOST_SHOWN: Final = 200
"""More matches than this tell nobody more."""
_WELL_KNOWN: Final = 0.15
"""The camera's own place is told only where it is surer than this share of its height."""


@dataclass(frozen=True)
class Found:
    """Agreeing matches [M, 2] of the ground in metres and the photo's pixels, on one ``tile``.

    ``standing`` is a camera that agrees with the heights of the ground, where these are known.
    """

    tile: int
    window: Window
    ground: Doubles
    pixels: Doubles
    matrix: Doubles
    standing: Standing | None = None


def refinement_of(found: Found, photo: Pixels, lens: Lens | None, camera: Camera) -> Refinement:
    """Return the answer that the matches give, or the reason why it can't be right."""
    height, width = photo.shape[:2]
    num = len(found.ground)
    if not is_seen_from_above(found.matrix, width, height):
        return Refinement.refused("the photo's frame would be twisted on the ground", inliers=num)
    if lens is None:
        return _without_lens(found, width, height, camera)
    fit = _fit(found, lens, camera)
    if fit is None:
        return Refinement.refused("no camera above the ground sees it so", inliers=num)
    reason = _wrong(fit, found.window, camera)
    if reason:
        return Refinement.refused(reason, inliers=num)
    is_known = fit.camera_sigma_m <= _WELL_KNOWN * fit.pose.height_m
    places = np.vstack([fit.look_m, fit.pose.centre_m[:2]])
    look, own = (_place(place) for place in found.window.tangent.latlon(places))
    return Refinement(
        latlon=look,
        covariance_m2=floored(fit.covariance, found.window.pixel_m),
        scatter_m=_scatter_m(fit.covariance, num),
        heading_deg=math.degrees(fit.heading_rad) % 360,
        camera_latlon=own if is_known else None,
        height_m=fit.pose.height_m,
        inliers=num,
        tile=found.tile,
        corners_latlon=_corners(found, width, height),
        matches=_matches(found),
    )


def _fit(found: Found, lens: Lens, camera: Camera) -> Fit | None:
    """Return the pose, over the plane or over the heights of the ground; None: there is none."""
    standing, ground, pixels = found.standing, found.ground, found.pixels
    if standing is None:
        rotation, centre = pose_of_plane(found.matrix, lens, ground)
        return fitted(rotation, centre, lens, ground, pixels, camera=camera)
    level_m = standing.level_m(lens)
    centre = standing.centre - [0, 0, level_m]
    heights = standing.relief.heights(ground) - level_m
    fit = fitted(standing.rotation, centre, lens, ground, pixels, camera=camera, heights=heights)
    if fit is None:
        return None
    pose = replace(fit.pose, height_m=fit.pose.height_m + level_m)
    look_m = standing.looked_at(lens, pose)[:2]
    return replace(fit, look_m=look_m) if np.isfinite(look_m).all() else None


def floored(covariance: Doubles, pixel_m: float) -> Doubles:
    """Return a covariance [2, 2] of at least half a pixel of the map, symmetric."""
    found: Doubles = (covariance + covariance.T) / 2 + (pixel_m / 2) ** 2 * np.eye(2)
    return found


def _scatter_m(covariance: Doubles, num: int) -> float:
    """Return the deviation on each axis if all matches counted, not ``EFFECTIVE`` of them."""
    alone = math.sqrt(EFFECTIVE / max(num, EFFECTIVE))
    return alone * math.sqrt(max(0.0, float(np.trace(covariance))) / 2)


def _wrong(fit: Fit, window: Window, camera: Camera) -> str:
    """Return why a pose can't be right, empty if it may be."""
    tilt, roll = math.degrees(fit.pose.tilt_rad), math.degrees(fit.pose.roll_rad)
    if tilt > MOST_TILT_DEG:
        return f"the camera would be tilted by {tilt:.0f} degrees"
    if camera.tilt_deg is not None and abs(tilt - camera.tilt_deg) > _slack(camera.tilt_sigma_deg):
        return f"the camera would be tilted by {tilt:.0f} degrees, not {camera.tilt_deg:.0f}"
    # Looking down, heading and roll turn about one axis, and it is the heading that is told.
    if tilt > math.degrees(0.26) and abs(roll - (camera.roll_deg or 0.0)) > MOST_ROLL_DEG:
        return f"the camera would be rolled by {roll:.0f} degrees"
    if camera.height_m is not None:
        factor = fit.pose.height_m / camera.height_m
        if not 1 / HEIGHT_FACTOR < factor < HEIGHT_FACTOR:
            return f"the camera would be {fit.pose.height_m:.0f} m high, not {camera.height_m:.0f}"
    off = _heading_off(math.degrees(fit.heading_rad), camera)
    if off:
        return off
    return _outside(fit.look_m, window)


def _without_lens(found: Found, width: int, height: int, camera: Camera) -> Refinement:
    """Return the ground in the photo's middle and the heading of its upper edge."""
    num, back = len(found.ground), inverse(found.matrix)
    middle = np.array([[width / 2, height / 2], [width / 2, 0.49 * height]])
    look, above = projected(back, middle)
    heading = math.degrees(math.atan2(above[0] - look[0], above[1] - look[1])) % 360
    corners = projected(back, np.array([[0, 0], [width, 0], [width, height], [0, height]], float))
    side_m = math.sqrt(abs(_area(corners)))
    window_m = found.window.pixel_m * max(found.window.image.shape[:2])
    reason = _heading_off(heading, camera) or _outside(look, found.window)
    if not _SCALE[0] < side_m / window_m < _SCALE[1]:
        reason = f"the photo would show {side_m:.0f} m of a map of {window_m:.0f} m"
    if reason:
        return Refinement.refused(reason, inliers=num)
    off = projected(found.matrix, found.ground) - found.pixels
    rms_m = float(np.sqrt((off**2).sum(axis=1).mean())) * side_m / math.sqrt(width * height)
    spread = rms_m**2 / min(num, EFFECTIVE) * np.eye(2)
    (place,) = found.window.tangent.latlon(look[None])
    return Refinement(
        latlon=_place(place),
        covariance_m2=floored(spread, found.window.pixel_m),
        scatter_m=_scatter_m(spread, num),
        heading_deg=heading,
        inliers=num,
        tile=found.tile,
        corners_latlon=_corners(found, width, height),
        matches=_matches(found),
    )


def _corners(found: Found, width: int, height: int) -> Doubles:
    """Return the ground in the photo's corners, degrees float64[4, 2]."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    return found.window.tangent.latlon(projected(inverse(found.matrix), corners))


def _matches(found: Found) -> Doubles:
    """Return an even choice of the matches float64[M, 4]: pixels, then degrees."""
    step = max(1, math.ceil(len(found.ground) / MOST_SHOWN))
    places = found.window.tangent.latlon(found.ground[::step])
    return np.column_stack([found.pixels[::step], places])


def _heading_off(heading_deg: float, camera: Camera) -> str:
    if camera.heading_deg is None:
        return ""
    off = abs((heading_deg - camera.heading_deg + 180) % 360 - 180)
    if off <= _slack(camera.heading_sigma_deg):
        return ""
    return f"the heading would be {heading_deg:.0f} degrees, not {camera.heading_deg:.0f}"


def _slack(sigma_deg: float) -> float:
    return _HEADING_SIGMAS * sigma_deg + _HEADING_SLACK_DEG


def _outside(look_m: Doubles, window: Window) -> str:
    height, width = window.image.shape[:2]
    (seen,) = projected(window.to_pixels, look_m[None])
    margin = _MARGIN * max(height, width)
    inside = -margin <= seen[0] <= width + margin and -margin <= seen[1] <= height + margin
    return "" if inside else "the place would lie outside of what was looked at"


def _area(corners: Doubles) -> float:
    x, y = corners.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _place(latlon: Doubles) -> tuple[float, float]:
    return float(latlon[0]), float((latlon[1] + 180) % 360 - 180)

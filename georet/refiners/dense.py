"""The refiner ``dense``: the whole photo against the map, for another sensor or an outdated map.

It needs heading, tilt, height and lens, roughly. The photo is drawn as the map shows it, moved
over it to where their edges agree best, and then matched patch by patch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from scipy import fft

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import Camera, Refinement, Tile
from georet.refiners.answers import MOST_TILT_DEG, Found, refinement_of
from georet.refiners.channels import channels_of, drawn, shrunk_mask
from georet.refiners.planes import is_seen_from_above, plane_of
from georet.refiners.windows import Window, inverse, projected, window_side_m
from georet.types import Doubles, Floats, Pixels

COARSE_PX, FINE_PX = 192, 320
HEADINGS_DEG: Final = (0.0, -4.0, 4.0, -8.0, 8.0)
SCALES: Final = (0.0, -0.07, 0.07)
CERTAIN_Z: Final = 6.0
"""With a peak so far above all others no other candidate is asked."""
_TEMPLATE: Final = 0.9
_GRID: Final = 13
_ROUNDS: Final = ((12, 32), (6, 28))
"""Search radius and side of the patches, in pixels."""
_SEEN: Final = 0.95
_WITHIN_PX: Final = 3.0
_FEWEST: Final = 12


def can_be_asked(camera: Camera) -> bool:
    """Return whether enough is known of a camera, and it looks down enough."""
    told = camera.heading_deg, camera.tilt_deg, camera.height_m, camera.fov_deg
    if any(one is None for one in told) or camera.tilt_deg is None:
        return False
    return camera.tilt_deg <= MOST_TILT_DEG - 10


@dataclass(frozen=True)
class _Coarse:
    """Where a photo fits a window: its camera in the window's metres, and how clearly."""

    number: int
    window: Window
    camera: Pinhole
    z: float


class Dense:
    """Places photos by orientation channels (CFOG) over the ``top`` best candidates.

    ``z`` is how many deviations the best place must stand above all others of the window; windows
    that are known to be wrong reach 4.9 in the figures behind it. ``inliers`` patches must agree.
    """

    def __init__(self, top: int = 4, z: float = 5.0, inliers: int = 15) -> None:
        self.max_candidates, self.z, self.inliers = top, z, inliers

    def __call__(self, photo: Pixels, tiles: Sequence[Tile], camera: Camera) -> Refinement:
        """Return where the photo looks; refused with the reason where nothing is certain."""
        if not can_be_asked(camera):
            return Refinement.refused("heading, tilt, height and field of view must be known")
        best: _Coarse | None = None
        for number, tile in enumerate(tiles[: self.max_candidates]):
            found = coarse_of(photo, number, tile, camera)
            if best is None or found.z > best.z:
                best = found
            if found.z > CERTAIN_Z:
                break
        if best is None:
            return Refinement.refused("there is no candidate")
        if best.z < self.z:
            return Refinement.refused(
                f"no place stands out by {self.z:g} deviations, the best by {best.z:.1f}"
            )
        matched = _patches(photo, best)
        num = 0 if matched is None else len(matched.ground)
        if matched is None or num < self.inliers:
            reason = f"{num} patches agree, {self.inliers} are needed"
            return Refinement.refused(reason, inliers=num)
        return refinement_of(matched, photo, best.camera.lens, camera)


def coarse_of(photo: Pixels, number: int, tile: Tile, camera: Camera) -> _Coarse:
    """Return where a photo fits best around a tile, over some headings and heights."""
    lens = Lens.of_fov(photo.shape[1], photo.shape[0], math.radians(camera.fov_deg or 0.0))
    window = Window.of_tile(tile, window_side_m(tile, camera))
    side_m = window.pixel_m * max(window.image.shape[:2])
    fixed, inside = drawn(window.image, window.to_pixels, np.zeros(2), side_m, COARSE_PX)
    field = _Field(channels_of(fixed, inside))
    best: tuple[float, float, Doubles, Pinhole] | None = None
    for off_deg in HEADINGS_DEG:
        for scale in SCALES:
            pose = Pose.looking_at(
                (0, 0),
                (camera.height_m or 0.0) * (1 + scale),
                math.radians((camera.heading_deg or 0.0) + off_deg),
                math.radians(camera.tilt_deg or 0.0),
                math.radians(camera.roll_deg or 0.0),
            )
            pinhole = Pinhole(lens, pose)
            px = round(_TEMPLATE * COARSE_PX)
            shown, mask = drawn(photo, pinhole.homography, np.zeros(2), px * side_m / COARSE_PX, px)
            if not mask.any():
                continue
            peak, z, shift = field.fits(channels_of(shown, mask), shrunk_mask(mask))
            if best is None or peak > best[0]:
                best = peak, z, shift, pinhole
    if best is None:
        return _Coarse(number, window, Pinhole(lens, Pose(0, 0, 1)), 0.0)
    _, z, shift, pinhole = best
    east, south = shift * side_m / COARSE_PX
    pose = pinhole.pose
    moved = replace(pose, east_m=pose.east_m + east, north_m=pose.north_m - south)
    return _Coarse(number, window, Pinhole(lens, moved), z)


class _Field:
    """The channels float32[n, n, 8] of a window, ready to have templates moved over them."""

    def __init__(self, channels: Floats) -> None:
        self.num = channels.shape[0]
        self.size = fft.next_fast_len(int((1 + _TEMPLATE) * self.num) + 2, real=True)
        self._channels = fft.rfft2(channels, (self.size, self.size), axes=(0, 1))
        energy = (channels**2).sum(axis=2)
        self._energy = fft.rfft2(energy, (self.size, self.size))

    def fits(self, template: Floats, mask: Floats) -> tuple[float, float, Doubles]:
        """Return the best normalised correlation, its deviations above the others, and its place.

        The place is how far, in columns and rows, the template's middle lies from the window's.
        """
        px, shape = template.shape[0], (self.size, self.size)
        moved = np.conj(fft.rfft2(template, shape, axes=(0, 1)))
        product = fft.irfft2((self._channels * moved).sum(axis=2), shape)
        energy = fft.irfft2(self._energy * np.conj(fft.rfft2(mask, shape)), shape)
        length = float(np.sqrt((template**2).sum()))
        scores = product / (np.sqrt(np.maximum(energy, 0.15 * energy.max())) * length + 1e-9)
        # The template's corner at -px/2 .. n - px/2 puts its middle onto the window.
        offsets = np.arange(self.num) - px // 2
        looked = scores[np.ix_(offsets % self.size, offsets % self.size)]
        row, column = np.unravel_index(int(looked.argmax()), looked.shape)
        peak = float(looked[row, column])
        z = (peak - float(looked.mean())) / (float(looked.std()) + 1e-9)
        place = np.array([offsets[column], offsets[row]], np.float64) + px / 2 - self.num / 2
        return peak, z, place


def _patches(photo: Pixels, coarse: _Coarse) -> Found | None:
    """Return the patches of photo and map that agree on one plane, refined twice; None: too few."""
    window, lens, pose = coarse.window, coarse.camera.lens, coarse.camera.pose
    away_m = pose.height_m / math.cos(pose.tilt_rad)
    shown_m = lens.width / lens.focal_px * away_m
    side_m = min(1.5 * shown_m, 1.1 * window.pixel_m * max(window.image.shape[:2]))
    px = min(FINE_PX, max(2 * _ROUNDS[0][1], int(2 * side_m / window.pixel_m)))
    matrix, found = coarse.camera.homography, None
    for radius, patch in _ROUNDS:
        back = inverse(matrix)
        (centre,) = projected(back, np.array([[lens.width / 2, lens.height / 2]]))
        ours, our_mask = drawn(photo, matrix, centre, side_m, px)
        theirs, their_mask = drawn(window.image, window.to_pixels, centre, side_m, px)
        ours_at, theirs_at = _moved(
            channels_of(ours, our_mask),
            channels_of(theirs, their_mask),
            shrunk_mask(our_mask),
            shrunk_mask(their_mask),
            radius,
            patch,
        )
        if len(ours_at) < _FEWEST:
            return found
        to_ground = np.array(
            [
                [side_m / px, 0, centre[0] - side_m / 2],
                [0, -side_m / px, centre[1] + side_m / 2],
                [0, 0, 1],
            ]
        )
        pixels = projected(matrix @ to_ground, ours_at)
        ground = projected(to_ground, theirs_at)
        within = max(_WITHIN_PX, _WITHIN_PX * side_m / px * lens.focal_px / away_m)
        plane = plane_of(ground, pixels, within_px=within)
        if plane is None or not is_seen_from_above(plane.matrix, lens.width, lens.height):
            return found
        sign = np.sign(plane.matrix[2] @ np.append(ground.mean(axis=0), 1))
        matrix = plane.matrix * sign
        agrees = plane.agrees
        found = Found(coarse.number, window, ground[agrees], pixels[agrees], matrix)
    return found


def _moved(
    ours: Floats, theirs: Floats, our_mask: Floats, their_mask: Floats, radius: int, patch: int
) -> tuple[Doubles, Doubles]:
    """Return the middles [M, 2] of patches, and where the other picture shows them.

    Columns and rows; the peak of the correlation is refined by a parabola.
    """
    px, half = ours.shape[0], patch // 2
    stops = np.linspace(half + radius, px - half - radius - 1, _GRID).astype(int)
    middles, found = [], []
    for y in stops:
        for x in stops:
            inner = np.s_[y - half : y + half, x - half : x + half]
            reach = half + radius
            outer = np.s_[y - reach : y + reach, x - reach : x + reach]
            if our_mask[inner].mean() < _SEEN or their_mask[outer].mean() < _SEEN:
                continue
            shift = _peak(theirs[outer], ours[inner], radius)
            if shift is not None:
                middles.append((x, y))
                found.append((x + shift[0], y + shift[1]))
    return np.array(middles, np.float64).reshape(-1, 2), np.array(found, np.float64).reshape(-1, 2)


def _peak(around: Floats, patch: Floats, radius: int) -> tuple[float, float] | None:
    """Return how far, in columns and rows, a patch lies from the middle; None at the rim."""
    # matchTemplate takes at most four channels.
    scores = sum(
        cv2.matchTemplate(
            np.ascontiguousarray(around[:, :, at : at + 4]),
            np.ascontiguousarray(patch[:, :, at : at + 4]),
            cv2.TM_CCORR,
        )
        for at in (0, 4)
    )
    row, column = np.unravel_index(int(np.argmax(scores)), np.shape(scores))
    last = np.shape(scores)[0] - 1
    if not (0 < row < last and 0 < column < last):
        return None
    values = np.asarray(scores, np.float64)[row - 1 : row + 2, column - 1 : column + 2]
    return column - radius + _vertex(values[1]), row - radius + _vertex(values[:, 1])


def _vertex(values: Doubles) -> float:
    """Return where between -0.5 and 0.5 a parabola through three values peaks."""
    left, middle, right = (float(value) for value in values)
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip((left - right) / (2 * bend), -0.5, 0.5))

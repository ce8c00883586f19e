"""The refiner ``dense``: the whole photo against the map, for another sensor or an outdated map.

It needs heading, tilt, height and lens, roughly. The photo is drawn as the map shows it, moved
over it to where their edges agree best, and then matched patch by patch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import fft

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import Camera, Refinement, Tile
from georet.refiners.answers import MOST_TILT_DEG, Found, refinement_of
from georet.refiners.channels import channels_of, drawn, has_data, shrunk_mask
from georet.refiners.patches import Fitted, fitted_patches
from georet.refiners.windows import Window, window_side_m
from georet.types import Doubles, Floats, Pixels

COARSE_PX: Final = 192
HEADINGS_DEG: Final = (0.0, -4.0, 4.0, -8.0, 8.0)
SCALES: Final = (0.0, -0.07, 0.07)
CERTAIN_Z: Final = 8.0
"""With a peak so far above all others no other candidate is asked."""
CERTAIN: Final = 10.0
"""With patches that fit so well no other place is tried."""
PLACES, TRIED = 3, 4
"""So many places of a candidate are kept, and so many of all candidates' fitted by patches."""
_TEMPLATE: Final = 0.9
_APART_PX: Final = 10
"""Nearer peaks are one place."""


def can_be_asked(camera: Camera) -> bool:
    """Return whether enough is known of a camera, and it looks down enough."""
    told = camera.heading_deg, camera.tilt_deg, camera.height_m, camera.fov_deg
    if any(one is None for one in told) or camera.tilt_deg is None:
        return False
    return camera.tilt_deg <= MOST_TILT_DEG - 10


@dataclass(frozen=True)
class Coarse:
    """Where a photo may fit a window: its camera in the window's metres, and how clearly."""

    number: int
    window: Window
    camera: Pinhole
    z: float


class Dense:
    """Places photos by orientation channels (CFOG) over the ``top`` best candidates.

    The whole photo is moved over each candidate, and where it fits best it is fitted patch by
    patch. ``clear`` is what the patches' fit must reach (``Fitted.score``), and ``inliers`` of them
    must agree.
    """

    def __init__(self, top: int = 4, clear: float = 5.0, inliers: int = 20) -> None:
        self.max_candidates, self.clear, self.inliers = top, clear, inliers

    def __call__(self, photo: Pixels, tiles: Sequence[Tile], camera: Camera) -> Refinement:
        """Return where the photo looks; refused with the reason where nothing is certain."""
        if not can_be_asked(camera):
            return Refinement.refused("heading, tilt, height and field of view must be known")
        places: list[Coarse] = []
        for number, tile in enumerate(tiles[: self.max_candidates]):
            found = coarse_of(photo, number, tile, camera)
            places += found
            if found and found[0].z > CERTAIN_Z:
                break
        places.sort(key=lambda one: -one.z)
        best: tuple[Fitted, Coarse] | None = None
        for place in places[:TRIED]:
            fitted = fitted_patches(photo, place.window, place.camera, camera)
            if fitted is not None and (best is None or fitted.score > best[0].score):
                best = fitted, place
            if fitted is not None and fitted.score > CERTAIN:
                break
        if best is None:
            return Refinement.refused("no candidate shows what the photo shows")
        return replace(self._answer(photo, *best, camera), by="dense", clearness=best[0].score)

    def _answer(self, photo: Pixels, fitted: Fitted, place: Coarse, camera: Camera) -> Refinement:
        num = len(fitted.ground)
        if fitted.score < self.clear:
            reason = f"patches fit by {fitted.score:.1f}, {self.clear:g} is needed"
            return Refinement.refused(reason, inliers=num)
        if num < self.inliers:
            reason = f"{num} patches agree, {self.inliers} are needed"
            return Refinement.refused(reason, inliers=num)
        found = Found(
            tile=place.number,
            window=place.window,
            ground=fitted.ground,
            pixels=fitted.pixels,
            matrix=fitted.camera.homography,
        )
        return refinement_of(found, photo, fitted.camera.lens, camera)


def coarse_of(photo: Pixels, number: int, tile: Tile, camera: Camera) -> list[Coarse]:
    """Return the places around a tile that a photo fits best, over some headings and heights."""
    lens = Lens.of_fov(photo.shape[1], photo.shape[0], math.radians(camera.fov_deg or 0.0))
    window = Window.of_tile(tile, window_side_m(tile, camera))
    side_m = window.pixel_m * max(window.image.shape[:2])
    fixed, inside = drawn(window.image, window.to_pixels, np.zeros(2), side_m, COARSE_PX)
    field = _Field(channels_of(fixed, inside & has_data(fixed)))
    px = round(_TEMPLATE * COARSE_PX)
    peaks: list[tuple[float, float, Doubles, Pinhole]] = []
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
            shown, mask = drawn(photo, pinhole.homography, np.zeros(2), px * side_m / COARSE_PX, px)
            if mask.any():
                fits = field.fits(channels_of(shown, mask), shrunk_mask(mask))
                peaks += [(*one, pinhole) for one in fits]
    peaks.sort(key=lambda one: -one[0])
    found: list[tuple[Doubles, Coarse]] = []
    for _, z, shift, pinhole in peaks:
        if any(np.linalg.norm(shift - other) < _APART_PX for other, _ in found):
            continue
        east, south = shift * side_m / COARSE_PX
        pose = pinhole.pose
        moved = replace(pose, east_m=pose.east_m + east, north_m=pose.north_m - south)
        found.append((shift, Coarse(number, window, Pinhole(lens, moved), z)))
        if len(found) == PLACES:
            break
    return [one for _, one in found]


class _Field:
    """The channels float32[n, n, 8] of a window, ready to have templates moved over them."""

    def __init__(self, channels: Floats) -> None:
        self.num = channels.shape[0]
        self.size = fft.next_fast_len(int((1 + _TEMPLATE) * self.num) + 2, real=True)
        self._channels = fft.rfft2(channels, (self.size, self.size), axes=(0, 1))
        energy = (channels**2).sum(axis=2)
        self._energy = fft.rfft2(energy, (self.size, self.size))

    def fits(self, template: Floats, mask: Floats) -> list[tuple[float, float, Doubles]]:
        """Return the best normalised correlations, each with its deviations and its place.

        The place is how far, in columns and rows, the template's middle lies from the window's; the
        deviations are those above all other places.
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
        mean, deviation = float(looked.mean()), float(looked.std()) + 1e-9
        found = []
        for _ in range(2):
            row, column = np.unravel_index(int(looked.argmax()), looked.shape)
            peak = float(looked[row, column])
            place = np.array([offsets[column], offsets[row]], np.float64) + px / 2 - self.num / 2
            found.append((peak, (peak - mean) / deviation, place))
            rows, columns = (slice(max(0, at - _APART_PX), at + _APART_PX) for at in (row, column))
            looked[rows, columns] = mean
        return found

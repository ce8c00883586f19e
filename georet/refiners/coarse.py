"""Where a photo may lie within the map around a tile: moved over it as a whole, by its edges."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy import fft

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import Camera, Tile
from georet.refiners.channels import channels_of, drawn, has_data, lit, shrunk_mask
from georet.refiners.windows import Window, shown_m, window_side_m
from georet.types import Doubles, Floats, Pixels

COARSE_PX: Final = 192
HEADINGS_DEG: Final = (0.0, -4.0, 4.0, -8.0, 8.0)
SCALES: Final = (0.0, -0.07, 0.07)
PLACES: Final = 3
"""So many places of a candidate are kept."""
_TEMPLATE: Final = 0.9
_TEMPLATE_PX: Final = round(_TEMPLATE * COARSE_PX)
_SIZE: Final = fft.next_fast_len(int((1 + _TEMPLATE) * COARSE_PX) + 2, real=True)
_APART_PX: Final = 10
"""Nearer peaks are one place."""
_NEAR: Final = 1.5
"""So many times what the photo shows is looked at for lit ground."""
_WHOLE: Final = 0.95
"""A window of this share of what was asked for is drawn as large as that."""


@dataclass(frozen=True)
class Coarse:
    """Where a photo may fit a window: its camera in the window's metres, and how clearly."""

    number: int
    window: Window
    camera: Pinhole
    z: float


@dataclass(frozen=True)
class _Template:
    """A photo as the map shows it, ready to be moved: spectra of its channels and of its mask."""

    pinhole: Pinhole
    channels: Any
    mask: Any
    length: float


class Templates:
    """A photo drawn under some headings and heights around those that are told.

    Tiles of one size need the same ones: they are drawn for the first of them.
    """

    def __init__(self, photo: Pixels, camera: Camera) -> None:
        self.photo, self.camera = photo, camera
        self._known: dict[float, list[_Template]] = {}

    def places(self, number: int, tile: Tile) -> list[Coarse]:
        """Return the places around a tile that the photo fits best."""
        asked_m = window_side_m(tile, self.camera)
        window = Window.of_tile(tile, asked_m)
        side_m = window.pixel_m * max(window.image.shape[:2])
        if _WHOLE * asked_m < side_m < asked_m / _WHOLE:
            side_m = asked_m
        fixed, inside = drawn(window.image, window.to_pixels, np.zeros(2), side_m, COARSE_PX)
        field = _Field(channels_of(fixed, inside & has_data(fixed)))
        peaks = [
            (*one, template.pinhole)
            for template in self._drawn_for(side_m)
            for one in field.fits(template)
        ]
        peaks.sort(key=lambda one: -one[0])
        found: list[tuple[Doubles, Coarse]] = []
        for _, z, shift, pinhole in peaks:
            if any(np.linalg.norm(shift - other) < _APART_PX for other, _ in found):
                continue
            east, south = shift * side_m / COARSE_PX
            pose = pinhole.pose
            moved = replace(pose, east_m=pose.east_m + east, north_m=pose.north_m - south)
            found.append((shift, Coarse(number, window, Pinhole(pinhole.lens, moved), z)))
            if len(found) == PLACES:
                break
        return [one for _, one in found]

    def _drawn_for(self, side_m: float) -> list[_Template]:
        if side_m not in self._known:
            self._known.clear()  # Spectra are large, and the tiles of a list mostly of one size.
            tried = (self._drawn(side_m, off, scale) for off in HEADINGS_DEG for scale in SCALES)
            self._known[side_m] = [one for one in tried if one is not None]
        return self._known[side_m]

    def _drawn(self, side_m: float, off_deg: float, scale: float) -> _Template | None:
        camera, (height, width) = self.camera, self.photo.shape[:2]
        pose = Pose.looking_at(
            (0, 0),
            (camera.height_m or 0.0) * (1 + scale),
            math.radians((camera.heading_deg or 0.0) + off_deg),
            math.radians(camera.tilt_deg or 0.0),
            math.radians(camera.roll_deg or 0.0),
        )
        pinhole = Pinhole(Lens.of_fov(width, height, math.radians(camera.fov_deg or 0.0)), pose)
        return _template(self.photo, pinhole, np.zeros(2), side_m)


def lit_places(photo: Pixels, place: Coarse, camera: Pinhole) -> list[Coarse]:
    """Return where near a camera the photo fits best by the map's lit ground alone."""
    window, pose = place.window, camera.pose
    side_m = min(_NEAR * shown_m(camera), window.pixel_m * max(window.image.shape[:2]))
    template = _template(photo, camera, camera.looked_at, side_m)
    if template is None:
        return []
    fixed, inside = drawn(window.image, window.to_pixels, camera.looked_at, side_m, COARSE_PX)
    mask = inside & has_data(fixed)
    found = []
    for _, z, shift in _Field(channels_of(fixed, lit(fixed, mask, mask))).fits(template):
        east, south = shift * side_m / COARSE_PX
        moved = replace(pose, east_m=pose.east_m + east, north_m=pose.north_m - south)
        found.append(Coarse(place.number, window, Pinhole(camera.lens, moved), z))
    return found


def _template(
    photo: Pixels, pinhole: Pinhole, centre_m: Doubles, side_m: float
) -> _Template | None:
    spans_m = _TEMPLATE_PX * side_m / COARSE_PX
    shown, mask = drawn(photo, pinhole.homography, centre_m, spans_m, _TEMPLATE_PX)
    if not mask.any():
        return None
    channels = channels_of(shown, mask)
    spectrum = np.conj(fft.rfft2(channels, (_SIZE, _SIZE), axes=(0, 1)))
    seen = np.conj(fft.rfft2(shrunk_mask(mask), (_SIZE, _SIZE)))
    return _Template(pinhole, spectrum, seen, float(np.sqrt((channels**2).sum())))


class _Field:
    """The channels float32[n, n, 8] of a window, ready to have templates moved over them."""

    def __init__(self, channels: Floats) -> None:
        self.num = channels.shape[0]
        self._channels = fft.rfft2(channels, (_SIZE, _SIZE), axes=(0, 1))
        self._energy = fft.rfft2((channels**2).sum(axis=2), (_SIZE, _SIZE))

    def fits(self, template: _Template) -> list[tuple[float, float, Doubles]]:
        """Return the best normalised correlations, each with its deviations and its place.

        The place is how far, in columns and rows, the template's middle lies from the window's; the
        deviations are those above all other places.
        """
        px, shape = _TEMPLATE_PX, (_SIZE, _SIZE)
        product = fft.irfft2((self._channels * template.channels).sum(axis=2), shape)
        energy = fft.irfft2(self._energy * template.mask, shape)
        floor = 0.15 * energy.max()
        scores = product / (np.sqrt(np.maximum(energy, floor)) * template.length + 1e-9)
        # The template's corner at -px/2 .. n - px/2 puts its middle onto the window.
        offsets = np.arange(self.num) - px // 2
        looked = scores[np.ix_(offsets % _SIZE, offsets % _SIZE)]
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

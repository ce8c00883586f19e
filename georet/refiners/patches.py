"""A photo fitted to the map patch by patch, all patches together by one camera.

Where texture is weak the best place of a single patch is often wrong, so that no vote of best
places finds a plane. Each patch therefore tells how well it fits at every place around (a surface),
and cameras are tried on the sum of all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import Camera
from georet.refiners.channels import channels_of, drawn, has_data, lit, shrunk_mask
from georet.refiners.poses import told_rotation
from georet.refiners.windows import Window, inverse, projected, shown_m
from georet.types import Bools, Doubles, Floats, Pixels

FINE_PX: Final = 320
ROUNDS: Final = ((12, 24), (6, 20))
"""Search radius and side of the patches, in pixels of the drawn ground."""
GRID: Final = 17
OVER: Final = 2.0
FEWEST: Final = 12
_SEEN: Final = 0.95
_ALONE: Final = 0.7
_CLIPPED: Final = (-1.0, 4.0)
"""No single patch may decide: so many deviations count at most."""
_SMOOTH: Final = (1.2, 0.8)
_SAMPLES, _BEST, _STEPS = 192, 24, 6
_NEAR_PX, _CLEAR = 2.5, 1.5
"""A patch agrees if it fits so clearly, in deviations, so near to where the camera wants it."""


@dataclass(frozen=True)
class Fitted:
    """The camera that suits the patches best, and those that agree with it.

    ``ground`` and ``pixels`` float64[M, 2] are their middles in metres and in the photo. ``score``
    is the sum of the patches' deviations under the camera, over the root of their number: of those
    that overlap only as many as stand alone.
    """

    camera: Pinhole
    score: float
    ground: Doubles
    pixels: Doubles


@dataclass(frozen=True)
class _Surfaces:
    """How well P patches fit around where they are drawn: float32[P, 2r + 1, 2r + 1], deviations.

    ``ground`` float64[P, 2] are their middles in metres, ``step_m`` is a pixel's side. ``alone`` is
    which share of them counts: patches that overlap by more than a third say the same.
    """

    values: Floats
    ground: Doubles
    step_m: float
    alone: float

    @property
    def radius(self) -> int:
        return int(self.values.shape[1]) // 2

    def at(self, shifts_m: Doubles) -> Floats:
        """Return the deviations float[N, P] at shifts [N, P, 2] in metres, bilinear."""
        num, size = self.values.shape[:2]
        x = shifts_m[..., 0] / self.step_m + self.radius
        y = -shifts_m[..., 1] / self.step_m + self.radius
        outside = (x < 0) | (y < 0) | (x > size - 1) | (y > size - 1)
        x, y = np.clip(x, 0, size - 1.001), np.clip(y, 0, size - 1.001)
        column, row = x.astype(np.int64), y.astype(np.int64)
        x, y, which = x - column, y - row, np.arange(num)
        values = self.values
        found = (1 - y) * (
            values[which, row, column] * (1 - x) + values[which, row, column + 1] * x
        ) + y * (values[which, row + 1, column] * (1 - x) + values[which, row + 1, column + 1] * x)
        return np.where(outside, _CLIPPED[0], found).astype(np.float32)


def fitted_patches(
    photo: Pixels,
    window: Window,
    camera: Pinhole,
    told: Camera,
    *,
    is_lit: bool = False,
    seed: int = 0,
) -> Fitted | None:
    """Return how a photo fits a window, from a camera near the right one; None: too little seen.

    With ``is_lit`` only the map's lit ground counts.
    """
    rng, score = np.random.default_rng(seed), 0.0
    surfaces: _Surfaces | None = None
    for (radius, patch), smooth in zip(ROUNDS, _SMOOTH, strict=True):
        surfaces = _surfaces(photo, window, camera, radius, patch, smooth, is_lit)
        if surfaces is None:
            return None
        before, camera = camera, camera
        camera, score = _searched(surfaces, before, told, rng)
        pixels = projected(before.homography, surfaces.ground)
    assert surfaces is not None
    wanted = camera.ground(pixels)[:, :2] - surfaces.ground
    shifts, agrees = _peaks(surfaces, wanted)
    return Fitted(camera, score, (surfaces.ground + shifts)[agrees], pixels[agrees])


def lit_score(photo: Pixels, window: Window, fitted: Fitted, told: Camera) -> float:
    """Return what is left of a fit's score where only the map's lit ground counts.

    Of a photo that was laid onto shadows of another hour next to nothing is.
    """
    (radius, patch), smooth = ROUNDS[-1], _SMOOTH[-1]
    surfaces = _surfaces(photo, window, fitted.camera, radius, patch, smooth, True)
    if surfaces is None:
        return 0.0
    (score,) = _Tried(surfaces, fitted.camera, told).sums(np.zeros((1, 6)))
    return float(score)


def _surfaces(
    photo: Pixels,
    window: Window,
    camera: Pinhole,
    radius: int,
    patch: int,
    smooth: float,
    is_lit: bool,
) -> _Surfaces | None:
    lens = camera.lens
    side_m = min(1.5 * shown_m(camera), 1.1 * window.pixel_m * max(window.image.shape[:2]))
    px = min(FINE_PX, max(2 * ROUNDS[0][1] + 4 * radius, int(OVER * side_m / window.pixel_m)))
    matrix, step_m = camera.homography, side_m / px
    (centre,) = projected(inverse(matrix), np.array([[lens.width / 2, lens.height / 2]]))
    ours, our_mask = drawn(photo, matrix, centre, side_m, px)
    theirs, their_mask = drawn(window.image, window.to_pixels, centre, side_m, px)
    their_mask &= has_data(theirs)
    counts = lit(theirs, their_mask, our_mask) if is_lit else their_mask
    one, other = channels_of(ours, our_mask), channels_of(theirs, counts)
    seen, shown = shrunk_mask(our_mask), shrunk_mask(their_mask)
    half = patch // 2
    reach = half + radius
    stops = np.linspace(reach, px - reach - 1, GRID).astype(int)
    middles, values = [], []
    for y in stops:
        for x in stops:
            inner = np.s_[y - half : y + half, x - half : x + half]
            outer = np.s_[y - reach : y + reach, x - reach : x + reach]
            if seen[inner].mean() < _SEEN or shown[outer].mean() < _SEEN:
                continue
            middles.append((x, y))
            values.append(_surface(other[outer], one[inner], smooth))
    if len(middles) < FEWEST:
        return None
    at = np.array(middles, np.float64)
    ground = centre + (at - px / 2) * [step_m, -step_m]
    alone = min(1.0, float(stops[1] - stops[0]) / (_ALONE * patch)) ** 2
    return _Surfaces(np.stack(values), ground, step_m, alone)


def _surface(around: Floats, patch: Floats, smooth: float) -> Floats:
    """Return how well a patch fits in each place, in deviations from the mean over the places."""
    # matchTemplate takes at most four channels.
    fits = sum(
        cv2.matchTemplate(
            np.ascontiguousarray(around[:, :, at : at + 4]),
            np.ascontiguousarray(patch[:, :, at : at + 4]),
            cv2.TM_CCORR,
        )
        for at in (0, 4)
    )
    smoothed = cv2.GaussianBlur(np.asarray(fits, np.float32), (0, 0), smooth)
    deviations = (smoothed - smoothed.mean()) / (smoothed.std() + 1e-9)
    return np.asarray(np.clip(deviations, *_CLIPPED), np.float32)


def _searched(
    surfaces: _Surfaces, camera: Pinhole, told: Camera, rng: np.random.Generator
) -> tuple[Pinhole, float]:
    """Return the camera of the greatest sum, by the cross-entropy method from where all move alike.

    Six numbers: a turn about east, north and up, the looked-at point east and north, and the
    height's logarithm.
    """
    total = surfaces.values.sum(axis=0)
    row, column = np.unravel_index(int(total.argmax()), total.shape)
    off = np.array([column, row], np.float64) - surfaces.radius
    move = off * [surfaces.step_m, -surfaces.step_m]
    mean = np.array([0, 0, 0, *move, 0.0])
    step = 2 * surfaces.step_m
    spread = np.array([*np.radians([2.0, 2.0, 2.5]), step, step, 0.04])
    spread = spread * (1.0 if surfaces.radius == ROUNDS[0][0] else 0.4)
    tried = _Tried(surfaces, camera, told)
    best, score = mean, -np.inf
    for _ in range(_STEPS):
        some = mean + spread * rng.standard_normal((_SAMPLES, 6))
        some[0] = mean
        scores = tried.scores(some)
        order = np.argsort(-scores)[:_BEST]
        if scores[order[0]] > score:
            best, score = some[order[0]], float(scores[order[0]])
        mean = some[order].mean(axis=0)
        spread = np.maximum(some[order].std(axis=0), 0.05 * spread)
    rotations, places = tried.cameras(best[None])
    pose = Pose.of_rotation(rotations[0], places[0])
    found = replace(camera, pose=pose)
    return found, float(tried.sums(best[None])[0])


class _Tried:
    """Cameras about one, judged by the patches and by what is told."""

    def __init__(self, surfaces: _Surfaces, camera: Pinhole, told: Camera) -> None:
        self.surfaces, self.camera, self.told = surfaces, camera, told
        pixels = projected(camera.homography, surfaces.ground)
        self.directions = camera.lens.directions(pixels)
        self.rotation = camera.pose.rotation
        self.look = camera.looked_at
        self.prior = told_rotation(told, self.rotation)

    def cameras(self, values: Doubles) -> tuple[Doubles, Doubles]:
        """Return rotations [N, 3, 3] and places [N, 3] of N times six numbers."""
        turns = Rotation.from_rotvec(values[:, :3]).as_matrix()
        rotations = self.rotation @ turns
        forward = rotations[:, 2]
        height = self.camera.pose.height_m * np.exp(values[:, 5])
        away = forward[:, :2] / np.minimum(forward[:, 2:], -0.1)
        ground = self.look + values[:, 3:5] + away * height[:, None]
        return rotations, np.column_stack([ground, height])

    def sums(self, values: Doubles) -> Doubles:
        """Return the sums [N] of the deviations, over the root of how many patches count."""
        rotations, places = self.cameras(values)
        rays = np.einsum("pi,nij->npj", self.directions, rotations)
        away = places[:, None, 2:] / np.maximum(-rays[..., 2:], 1e-3)
        shifts = places[:, None, :2] + away * rays[..., :2] - self.surfaces.ground
        total = self.surfaces.at(shifts).sum(axis=1)
        scale = np.sqrt(self.surfaces.alone / len(self.directions))
        return np.asarray(total * scale, np.float64)

    def scores(self, values: Doubles) -> Doubles:
        """Return the sums less what is unlikely by telemetry."""
        told, (rotations, places) = self.told, self.cameras(values)
        off = np.degrees(Rotation.from_matrix(self.prior.T @ rotations).as_rotvec())
        level = max(told.tilt_sigma_deg, told.roll_sigma_deg)
        apart = (off / [level, level, told.heading_sigma_deg]) ** 2
        higher = np.log(places[:, 2] / (told.height_m or 1.0)) / told.height_sigma
        found: Doubles = self.sums(values) - 0.25 * (apart.sum(axis=1) + higher**2)
        return found


def _peaks(surfaces: _Surfaces, wanted_m: Doubles) -> tuple[Doubles, Bools]:
    """Return each patch's best place [P, 2] near the wanted shift [P, 2], and whether it agrees."""
    step, radius = surfaces.step_m, surfaces.radius
    steps = np.arange(-radius, radius + 1)
    shifts, agrees = wanted_m.copy(), np.zeros(len(wanted_m), np.bool_)
    for at, (values, wanted) in enumerate(zip(surfaces.values, wanted_m, strict=True)):
        east, south = wanted / [step, -step]
        near = np.hypot(steps[None, :] - east, steps[:, None] - south) <= _NEAR_PX
        if not near.any():
            continue
        row, column = np.unravel_index(int(np.where(near, values, -9).argmax()), values.shape)
        inner = 0 < row < 2 * radius and 0 < column < 2 * radius
        if not inner or values[row, column] < _CLEAR:
            continue
        around = values[row - 1 : row + 2, column - 1 : column + 2].astype(np.float64)
        if around.max() > around[1, 1]:
            continue
        right, down = _vertex(around[1]), _vertex(around[:, 1])
        shifts[at] = [(column - radius + right) * step, -(row - radius + down) * step]
        agrees[at] = True
    return shifts, agrees


def _vertex(values: Doubles) -> float:
    """Return where between -0.5 and 0.5 a parabola through three values peaks."""
    left, middle, right = (float(value) for value in values)
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip((left - right) / (2 * bend), -0.5, 0.5))

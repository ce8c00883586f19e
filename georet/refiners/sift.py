"""The refiner ``sift``: the tile whose features agree best on one plane gives place and heading."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from georet.cameras.lens import Lens
from georet.contracts.refining import Camera, Refinement, Tile
from georet.refiners.answers import Found, refinement_of
from georet.refiners.dense import Dense, can_be_asked
from georet.refiners.features import Features, features_of, matches_of
from georet.refiners.planes import Plane, is_seen_from_above, plane_of
from georet.refiners.standing import standing_of
from georet.refiners.windows import Window, inverse, projected, window_side_m
from georet.types import Doubles, Pixels

WORK_PX: Final = 512
"""The photo's longest side while features are looked for."""
WITHIN_PX: Final = 3.0
"""How far matches may be off, in pixels of that size; more on relief, by ``_RELIEF``."""
_RELIEF: Final = 0.02
_AGAIN_RATIO, _AGAIN_SHARE = 0.9, 0.06
_CERTAIN: Final = 120
"""With so many inliers no other candidate is asked."""
_STEPS: Final = 2
"""Windows come in so many sizes between one and twice it."""
_KEPT: Final = 500
"""Of so many windows the features are kept, in less than a megabyte each."""


@dataclass(frozen=True)
class _Matched:
    """The matches of a photo and a window, [M, 2] each, and the plane on which most agree."""

    number: int
    window: Window
    ground: Doubles
    pixels: Doubles
    plane: Plane


class Sift:
    """Places photos by RootSIFT and MAGSAC++ on the best candidates, without any training.

    ``inliers`` matches must agree, or the answer is refused. The best candidate is matched once
    more after its map was warped to the photo (as OrthoLoC does), which finds more. The pose comes
    from the homography and least squares, where the focal length is known; without it the point in
    the photo's middle and the heading alone. With ``dense`` what features can't settle is tried by
    ``Dense`` on the ``dense_top`` best, where the camera is known.
    """

    def __init__(
        self,
        inliers: int = 15,
        top: int = 10,
        dense: bool = True,
        dense_top: int = 4,
        dense_clear: float = 5.0,
    ) -> None:
        self.inliers, self.max_candidates = inliers, top
        self.dense, self.dense_top, self.dense_clear = dense, dense_top, dense_clear
        self._known: OrderedDict[tuple[str, float], tuple[Window, Features]] = OrderedDict()
        """Windows without their pixels, and their features with descriptors of half precision."""

    def __call__(self, photo: Pixels, tiles: Sequence[Tile], camera: Camera) -> Refinement:
        """Return where the photo looks; refused with the reason where nothing is certain."""
        if not tiles:
            return Refinement.refused("there is no candidate")
        height, width = photo.shape[:2]
        shrink = min(1.0, WORK_PX / max(height, width))
        small = _shrunk(photo, shrink)
        features = features_of(small)
        best = self._best(features, shrink, tiles, camera)
        if best is None or best.plane.num_inliers < self.inliers:
            agree = 0 if best is None else best.plane.num_inliers
            reason = f"{agree} matches agree, {self.inliers} are needed"
            return self._densely(photo, tiles, camera, Refinement.refused(reason, inliers=agree))
        if is_seen_from_above(best.plane.matrix, width, height):
            tile = tiles[best.number]
            best = replace(best, window=Window.of_tile(tile, _stepped_m(tile, camera)))
            best = _again(best, small, features, shrink, _within(camera) / shrink)
        lens = _lens(photo, camera)
        agrees, standing = best.plane.agrees, None
        relief = tiles[best.number].read_relief
        if relief is not None and lens is not None:
            heights = relief(window_side_m(tiles[best.number], camera))
            stood = standing_of(
                best.ground, best.pixels, lens, heights, within_px=WITHIN_PX / shrink
            )
            if stood is not None and stood[1].sum() >= self.inliers:
                standing, agrees = stood
        found = Found(
            tile=best.number,
            window=best.window,
            ground=best.ground[agrees],
            pixels=best.pixels[agrees],
            matrix=best.plane.matrix,
            standing=standing,
        )
        answer = refinement_of(found, photo, lens, camera)
        answer = replace(answer, by="sift", clearness=float(len(found.ground)))
        return answer if answer.is_accepted else self._densely(photo, tiles, camera, answer)

    def _best(
        self, features: Features, shrink: float, tiles: Sequence[Tile], camera: Camera
    ) -> _Matched | None:
        best: _Matched | None = None
        for number, tile in enumerate(tiles[: self.max_candidates]):
            window, known = self._window(tile, camera)
            pairs = matches_of(features, known)
            if not len(pairs):
                continue
            pixels = features.points[pairs[:, 0]] / shrink
            ground = window.ground_of(known.points[pairs[:, 1]])
            plane = plane_of(ground, pixels, within_px=_within(camera) / shrink)
            if plane is None:
                continue
            if best is None or plane.num_inliers > best.plane.num_inliers:
                best = _Matched(number, window, ground, pixels, plane)
            if plane.num_inliers >= _CERTAIN:
                break
        return best

    def _window(self, tile: Tile, camera: Camera) -> tuple[Window, Features]:
        side_m = _stepped_m(tile, camera)
        key = tile.id, side_m
        if key not in self._known:
            window = Window.of_tile(tile, side_m)
            found = features_of(window.image, most=3000)
            self._known[key] = window.bare, found.as_type(np.float16)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def _densely(
        self, photo: Pixels, tiles: Sequence[Tile], camera: Camera, answer: Refinement
    ) -> Refinement:
        """Return what ``Dense`` finds, or ``answer`` where it may not or can't be asked."""
        if not self.dense or not can_be_asked(camera):
            return answer
        found = Dense(top=self.dense_top, clear=self.dense_clear)(photo, tiles, camera)
        if found.is_accepted:
            return found
        return Refinement.refused(f"{answer.reason}; {found.reason}", inliers=answer.inliers)


def _stepped_m(tile: Tile, camera: Camera) -> float:
    """Return how much of the map is looked at, in steps, so that photos have windows in common."""
    side_m = window_side_m(tile, camera)
    if not side_m > 0 or not tile.side_m > 0:
        return side_m  # of a tile that lies nowhere
    step = round(_STEPS * math.log2(side_m / tile.side_m))
    return float(tile.side_m * 2 ** (step / _STEPS))


def _within(camera: Camera) -> float:
    return max(WITHIN_PX, _RELIEF * WORK_PX) if camera.tilt_deg is not None else WITHIN_PX


def _lens(photo: Pixels, camera: Camera) -> Lens | None:
    if camera.fov_deg is None:
        return None
    return Lens.of_fov(photo.shape[1], photo.shape[0], math.radians(camera.fov_deg))


def _shrunk(photo: Pixels, factor: float) -> Pixels:
    if factor >= 1:
        return photo
    size = max(1, round(photo.shape[1] * factor)), max(1, round(photo.shape[0] * factor))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def _again(
    best: _Matched, small: Pixels, features: Features, shrink: float, within_px: float
) -> _Matched:
    """Return the matches after the map was warped to the photo, if more agree then.

    AdHoP of OrthoLoC (2025): features of equal scale and heading are found where others aren't.
    """
    to_small = np.diag([shrink, shrink, 1.0]) @ best.plane.matrix
    warp = to_small @ inverse(best.window.to_pixels)
    # OpenCV warps from pixel centres to pixel centres.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    size = (small.shape[1], small.shape[0])
    warped = cv2.warpPerspective(best.window.image, inverse(half) @ warp @ half, size)
    seen = features_of(np.asarray(warped, np.uint8))
    pairs = matches_of(features, seen, ratio=_AGAIN_RATIO)
    if not len(pairs):
        return best
    ours, theirs = features.points[pairs[:, 0]], seen.points[pairs[:, 1]]
    near = np.linalg.norm(ours - theirs, axis=1) < _AGAIN_SHARE * WORK_PX
    if not near.any():
        return best
    ground = best.window.ground_of(projected(inverse(warp), theirs[near]))
    pixels = ours[near] / shrink
    plane = plane_of(ground, pixels, within_px=within_px)
    if plane is None or plane.num_inliers <= best.plane.num_inliers:
        return best
    return _Matched(best.number, best.window, ground, pixels, plane)

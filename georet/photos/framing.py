"""How a photo is turned into what an encoder compares with tiles: north up, at the map's scale."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from georet.cameras.crops import rectified, turned
from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.data.images import preprocess
from georet.identity import EncoderIdentity
from georet.photos.camera.facts import CameraFacts
from georet.types import Doubles, Pixels

STEEPEST_DEG: Final = 60.0
"""Up to this tilt is the ground in a photo's middle seen well enough to be turned into a map."""
_TURNED_UP_TO_DEG: Final = 45.0
_SMALLEST_SHARE: Final = 0.4
"""A photo that shows a smaller part of a tile than this says too little at the tile's scale."""
PIECES: Final = 2
"""Of a photo that shows much more than a tile, so many times so many pieces are looked at.

Batches hold room for all of them, for each photo.
"""
_APART = re.compile(r"(\d) x \d pieces, ([0-9.e+]+) m apart$")
AS_IS, TURNED, RECTIFIED = "as it is", "turned", "rectified"


@dataclass(frozen=True)
class Views:
    """The views of one photo, uint8[V, h, w, 3], as an encoder takes them, and how they came."""

    pixels: Pixels
    how: str = AS_IS


@dataclass(frozen=True)
class Framing:
    """Makes views of photos for tiles whose sides are ``sides_m`` metres.

    Where heading, tilt, height and field of view are known, the ground that a photo shows is drawn
    as the map shows it: north up, as large as the tile that it fills best; where it shows much more
    than that, up to ``pieces`` x ``pieces`` of this size. Where only the heading
    of a photo that looks down is known, it is turned. ``rotations`` are that many headings, tried
    where it is unknown. What tells too little is left as it is.
    """

    sides_m: Sequence[float]
    size: tuple[int, int]
    """Height and width in pixels of what the encoder takes."""
    rule: str
    rotations: int = 1
    pieces: int = 1

    @classmethod
    def of_tiles(cls, side_m: Doubles, encoder: EncoderIdentity, rotations: int = 1) -> Self:
        """Return the framing for tiles of the sides float64[R] metres and an encoder."""
        # Sides of one tiling differ by rounding and, in degrees, slightly from row to row.
        sides = np.exp(np.unique(np.round(np.log(side_m), 2)))
        return cls(sides.tolist(), encoder.size, encoder.resize_rule, rotations)

    def leaves(self, facts: CameraFacts) -> bool:
        """Return whether photos of such a camera are taken as they are, whatever they show."""
        has_none = self._headings(facts) is None or facts.panorama is not None
        return has_none or not (_looks_down(facts) or _is_whole(facts))

    def views(self, photo: Pixels, facts: CameraFacts) -> Views:
        """Return the views of a photo uint8[H, W, 3], upright and in its own resolution."""
        headings = self._headings(facts)
        if headings is None or facts.panorama is not None:
            return self._as_is(photo)
        camera = self._camera(photo, facts)
        sides_m = None if camera is None else self._sides_m(camera)
        if camera is not None and sides_m is not None:
            side_m, shown_m = sides_m
            # The largest square that lies within the photo whatever its heading.
            spare_m = shown_m / math.sqrt(2) - side_m
            num = min(self.pieces, int(spare_m / side_m) + 1) if len(headings) == 1 else 1
            if num > 1:
                apart_m = spare_m / (num - 1)
                how = f"{RECTIFIED}, {num} x {num} pieces, {apart_m:.6g} m apart"
                places = offsets_m(how)
                assert places is not None
                pieces = [self._drawn(photo, camera, headings[0], side_m, at) for at in places]
                return Views(np.stack(pieces), how)
            found = [self._drawn(photo, camera, heading, side_m) for heading in headings]
            return Views(np.stack(found), _named(RECTIFIED, len(found)))
        if not _looks_down(facts):
            return self._as_is(photo)
        px = max(self.size)
        found = [self._fitted(turned(photo, heading, px)) for heading in headings]
        return Views(np.stack(found), _named(TURNED, len(found)))

    def _as_is(self, photo: Pixels) -> Views:
        return Views(self._fitted(photo)[None])

    def _headings(self, facts: CameraFacts) -> list[float] | None:
        """Return the headings in radians to try; None: leave the photo as it is."""
        if facts.heading_deg is not None:
            return [math.radians(facts.heading_deg.value)]
        if self.rotations == 1:
            return None
        return [at * 2 * math.pi / self.rotations for at in range(self.rotations)]

    def _camera(self, photo: Pixels, facts: CameraFacts) -> Pinhole | None:
        tilt, height, fov = facts.tilt_deg, facts.height_m, facts.fov_deg
        if tilt is None or height is None or fov is None or not _is_whole(facts):
            return None
        rows, columns = photo.shape[:2]
        lens = Lens.of_fov(columns, rows, math.radians(fov.value))
        roll = 0.0 if facts.roll_deg is None else math.radians(facts.roll_deg.value)
        return Pinhole(lens, Pose(0, 0, height.value, 0.0, math.radians(tilt.value), roll))

    def _sides_m(self, camera: Pinhole) -> tuple[float, float] | None:
        """Return the side of the tile that the photo fills best, and how much ground it shows.

        None where it fills none.
        """
        lens = camera.lens
        radius = min(lens.width, lens.height) / 2
        middle = np.array([lens.width / 2, lens.height / 2])
        ends = middle + radius * np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
        ground = camera.ground(np.vstack([middle[None], ends]))[:, :2]
        if not np.isfinite(ground).all():
            return None
        spans = np.linalg.norm(ground[1:] - ground[0], axis=1)
        # What it shows across, and along; a tilted photo shows more behind than before its middle.
        shown_m = float(min(spans[0] + spans[1], spans[2] + spans[3]))
        sides = np.asarray(self.sides_m, np.float64)
        best = float(sides[np.argmin(np.abs(np.log(sides / shown_m)))])
        return (best, shown_m) if shown_m >= _SMALLEST_SHARE * best else None

    def _drawn(
        self,
        photo: Pixels,
        camera: Pinhole,
        heading: float,
        side_m: float,
        off_m: Doubles | None = None,
    ) -> Pixels:
        pose = camera.pose
        turned_to = Pose(0, 0, pose.height_m, heading, pose.tilt_rad, pose.roll_rad)
        pinhole, centre_m = Pinhole(camera.lens, turned_to), None
        if off_m is not None:
            middle = np.array([[camera.lens.width / 2, camera.lens.height / 2]])
            centre_m = pinhole.ground(middle)[0, :2] + off_m
        px = max(self.size)
        return self._fitted(rectified(photo, pinhole, side_m, px, centre_m=centre_m))

    def _fitted(self, image: Pixels) -> Pixels:
        return preprocess(image, self.size, self.rule)


def offsets_m(how: str) -> Doubles | None:
    """Return how far east and north [V, 2] of the photo's middle its pieces lie; None: no pieces.

    ``how`` is that of ``Views``.
    """
    found = _APART.search(how)
    if found is None:
        return None
    num, apart_m = int(found[1]), float(found[2])
    steps = (np.arange(num) - (num - 1) / 2) * apart_m
    x, y = np.meshgrid(steps, steps)
    return np.column_stack([x.ravel(), y.ravel()])


def _is_whole(facts: CameraFacts) -> bool:
    """Return whether tilt, height and lens are known, and the tilt shows the ground."""
    told = facts.tilt_deg, facts.height_m, facts.fov_deg
    if any(one is None for one in told):
        return False
    return facts.tilt_deg is not None and facts.tilt_deg.value <= STEEPEST_DEG


def _looks_down(facts: CameraFacts) -> bool:
    """Return whether turning helps: the photo looks down, or the user says its heading himself."""
    if facts.tilt_deg is not None:
        return facts.tilt_deg.value <= _TURNED_UP_TO_DEG
    return facts.heading_deg is None or facts.heading_deg.source == "given"


def _named(how: str, num: int) -> str:
    return how if num == 1 else f"{how}, {num} headings tried"

"""Photos of a map by a camera whose place and lens are known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from georet.cameras.pinhole import Pinhole
from georet.cameras.relief import Relief
from georet.types import Doubles, Pixels
from georet_ortho.scene import Scene

FARTHEST: Final = 8.0
"""Ground is drawn up to so many times the camera's height away from the point below it."""
SKY: Final = (196, 208, 222)


@dataclass(frozen=True)
class Shot:
    """A photo to be made: the place [2] at which the tangent plane lies, and the camera over it.

    ``camera``'s ground is metres east and north of ``latlon``.
    """

    latlon: Doubles
    camera: Pinhole


def render(scene: Scene, shot: Shot, *, over: int = 1, relief: Relief | None = None) -> Pixels:
    """Return the photo uint8[height, width, 3] that the shot's camera takes of the scene.

    Each pixel is the mean of ``over`` x ``over`` rays, and each ray sees the map averaged over the
    ground that it stands for (mip levels), so that nothing is sampled between its pixels. With
    ``relief`` (heights above the shot's plane) rays stop at the first ground they meet. What is
    above the horizon or too far away is a plain sky.
    """
    camera = shot.camera
    width, height = camera.lens.width, camera.lens.height
    columns = (np.arange(width * over) + 0.5) / over
    rows = (np.arange(height * over) + 0.5) / over
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    ground, size = camera.seen(pixels, relief)
    size /= over
    away = np.linalg.norm(ground[:, :2] - camera.pose.centre_m[:2], axis=1)
    is_far = ~(away <= FARTHEST * camera.pose.height_m)
    ground[is_far] = np.nan
    if is_far.all():
        return np.full((height, width, 3), SKY, np.uint8)
    shape = (height * over, width * over)
    reach = float(np.nanmax(np.abs(ground[:, :2])))
    piece = scene.piece(shot.latlon, reach, float(np.nanmin(size[~is_far])))
    colours = piece.colours(ground[:, :2].reshape(*shape, 2), size.reshape(shape))
    colours[is_far.reshape(shape)] = SKY
    if over > 1:
        reduced = cv2.resize(colours, (width, height), interpolation=cv2.INTER_AREA)
        colours = np.asarray(reduced, np.float32)
    return np.asarray(np.clip(colours + 0.5, 0, 255), np.uint8)

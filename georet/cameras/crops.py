"""Photos as a map would show them: north up, in metres, as far as the camera is known."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.relief import Relief
from georet.types import Doubles, Pixels

_EDGE: Final = cv2.BORDER_REFLECT_101


def crop_points(side_m: float, px: int, centre_m: Doubles) -> Doubles:
    """Return the ground float64[px * px, 2] under the pixel centres of a north-up crop, by rows."""
    steps = (np.arange(px) + 0.5) / px * side_m - side_m / 2
    x, y = np.meshgrid(centre_m[0] + steps, centre_m[1] - steps)
    return np.column_stack([x.ravel(), y.ravel()])


def rectified(
    photo: Pixels,
    camera: Pinhole,
    side_m: float,
    px: int,
    *,
    centre_m: Doubles | None = None,
    relief: Relief | None = None,
) -> Pixels:
    """Return the ground that a photo uint8[H, W, 3] shows, north up: uint8[px, px, 3].

    ``side_m`` metres around ``centre_m`` [2], or around the ground in the photo's middle.
    ``camera`` has the photo's size. The photo is averaged down first where the crop is coarser.
    Beyond its edges it is mirrored: black corners would cost what turning it brings. ValueError
    where the middle shows no ground.
    """
    size = (photo.shape[0], photo.shape[1])
    if size != (camera.lens.height, camera.lens.width):
        raise ValueError(f"the photo has {size} rows and columns, its lens another size")
    middle = np.array([[camera.lens.width / 2, camera.lens.height / 2]])
    if centre_m is None:
        centre_m = camera.ground(middle, relief)[0, :2]
    if not np.isfinite(centre_m).all():
        raise ValueError("the photo's middle shows no ground")
    points = crop_points(side_m, px, centre_m)
    if relief is not None:
        points = np.column_stack([points, relief.heights(points)])
    found = camera.pixels(points)
    photo, shrink = _averaged(photo, found, px)
    seen = np.where(np.isfinite(found), found / shrink - 0.5, -1e6).astype(np.float32)
    x, y = seen.reshape(px, px, 2)[:, :, 0], seen.reshape(px, px, 2)[:, :, 1]
    crop = cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=_EDGE)
    return np.asarray(crop, np.uint8)


def turned(photo: Pixels, heading_rad: float, px: int) -> Pixels:
    """Return the largest upright square in the middle of a photo turned north up, uint8[px, px, 3].

    ``heading_rad`` is the direction of the photo's upper edge, clockwise from north. What is kept
    lies wholly within the photo.
    """
    height, width = photo.shape[:2]
    sin, cos = math.sin(heading_rad), math.cos(heading_rad)
    side = min(height, width) / (abs(sin) + abs(cos))
    steps = ((np.arange(px) + 0.5) / px - 0.5) * side
    east, south = np.meshgrid(steps, steps)
    # East in a photo whose up is `heading` lies at `heading` to the left of its right.
    x = width / 2 + cos * east + sin * south
    y = height / 2 - sin * east + cos * south
    photo, shrink = _averaged(photo, np.column_stack([x.ravel(), y.ravel()]), px)
    column = np.asarray(x / shrink[0] - 0.5, np.float32)
    row = np.asarray(y / shrink[1] - 0.5, np.float32)
    return np.asarray(cv2.remap(photo, column, row, cv2.INTER_LINEAR, borderMode=_EDGE), np.uint8)


def _averaged(photo: Pixels, found: Doubles, px: int) -> tuple[Pixels, Doubles]:
    """Return the photo averaged down to the density [px * px, 2] at which it is asked for.

    Also by how much its width and height shrank, float64[2].
    """
    at = found.reshape(px, px, 2)
    middle = slice(px // 4, max(px // 4 + 2, px - px // 4))
    inner = at[middle, middle]
    across, along = np.diff(inner, axis=1)[:-1], np.diff(inner, axis=0)[:, :-1]
    area = np.abs(across[..., 0] * along[..., 1] - across[..., 1] * along[..., 0])
    area = area[np.isfinite(area)]
    factor = float(np.sqrt(np.median(area))) if len(area) else 1.0
    if factor <= 1:
        return photo, np.ones(2)
    height, width = photo.shape[:2]
    size = max(1, round(width / factor)), max(1, round(height / factor))
    shrunk = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8), np.array([width / size[0], height / size[1]])


def shrunk_to(lens: Lens, longest: int) -> Lens:
    """Return the lens of a photo shrunk so that no side has more than ``longest`` pixels."""
    factor = longest / max(lens.width, lens.height)
    if factor >= 1:
        return lens
    return lens.scaled(max(1, round(lens.width * factor)), max(1, round(lens.height * factor)))

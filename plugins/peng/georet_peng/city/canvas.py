"""Canvases: whole level panoramas, north in the middle where north is known, black where unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import simplejpeg

from georet.data.images import read_image
from georet.errors import DataError
from georet.types import Doubles, ImageTable, Pixels
from georet_orbitview.cache import Maker, Part

_QUALITY: Final = 92
_HINT: Final = (
    "`georet peng canvas` makes panoramas of photos; a whole one is twice as wide as high."
)


def turned(canvas: Pixels, right_deg: float) -> Pixels:
    """Return a canvas whose middle looks ``right_deg`` further to the right."""
    width = canvas.shape[1]
    return np.roll(canvas, -round(right_deg / 360 * width), axis=1)


def windowed(canvas: Pixels, middle_deg: float, fov_deg: float) -> Pixels:
    """Return a canvas, black beyond ``fov_deg`` around ``middle_deg`` right of its middle."""
    if fov_deg >= 360:
        return canvas
    width = canvas.shape[1]
    at = (np.arange(width) + 0.5) * 360 / width - 180
    off = np.abs((at - middle_deg + 180) % 360 - 180)
    return np.where((off < fov_deg / 2)[None, :, None], canvas, np.uint8(0))


def canvas_of(photo: Pixels, fov_deg: float, height: int) -> Pixels:
    """Return the canvas uint8[H, 2H, 3] of a level photo uint8[h, w, 3] by a lens without bending.

    Its width spans ``fov_deg``, less than 180, and comes to lie about the canvas's middle.
    """
    rows, columns = photo.shape[:2]
    focal = columns / 2 / np.tan(np.radians(fov_deg) / 2)
    azimuth = ((np.arange(2 * height) + 0.5) / height - 1) * np.pi
    elevation = np.pi / 2 - (np.arange(height) + 0.5) * np.pi / height
    ahead = np.cos(azimuth)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(ahead > 1e-3, columns / 2 + focal * np.tan(azimuth), -1e6)
        y = rows / 2 - focal * np.tan(elevation)[:, None] / np.where(ahead > 1e-3, ahead, np.nan)
    columns_of = np.broadcast_to(x, (height, 2 * height)).astype(np.float32) - 0.5
    rows_of = np.nan_to_num(y, nan=-1e6).astype(np.float32) - 0.5
    finer = focal * np.pi / height
    if finer > 1:  # The photo's pixels are finer than the canvas's: against aliasing.
        photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.4 * finer), np.uint8)
    return np.asarray(cv2.remap(photo, columns_of, rows_of, cv2.INTER_LINEAR), np.uint8)


def is_canvas(image: Pixels) -> bool:
    """Return whether an image has the shape of a canvas."""
    return bool(image.shape[1] == 2 * image.shape[0])


def check_canvas(image: Pixels, path: Path) -> Pixels:
    """Return the image; DataError unless it is twice as wide as high."""
    if not is_canvas(image):
        height, width = image.shape[:2]
        raise DataError(f"is {width} x {height} pixels", where=str(path), hint=_HINT)
    return image


def cut(
    photos: ImageTable, root: Path, turn_deg: Doubles, middle_deg: Doubles, fov_deg: Sequence[float]
) -> list[Path]:
    """Return the files of photos, turned and then cut; they are written below ``root`` once.

    A photo that is neither turned nor cut is the file itself. What is written goes by what decides
    it: the photos' files, their size and time, and the angles.
    """
    rows = [i for i in range(len(photos)) if turn_deg[i] % 360 or fov_deg[i] < 360]
    paths = [Path(path) for path in photos.paths]
    if not rows:
        return paths
    about = [
        (str(paths[i]), *_stamp(paths[i]), turn_deg[i], middle_deg[i], fov_deg[i]) for i in rows
    ]
    digest = hashlib.sha256(repr(about).encode()).hexdigest()[:16]

    def prepare() -> Maker:
        def make(at: int) -> bytes:
            row = rows[at]
            image = turned(check_canvas(read_image(paths[row]), paths[row]), turn_deg[row])
            seen = np.ascontiguousarray(windowed(image, middle_deg[row], fov_deg[row]))
            content: bytes = simplejpeg.encode_jpeg(seen, quality=_QUALITY)
            return content

        return make

    names = [f"{at:05d}.jpg" for at in range(len(rows))]
    part = Part(root / digest, names, prepare, {"of": photos.name}, "PEnG canvases")
    part.ensure()
    for at, row in enumerate(rows):
        paths[row] = part.folder / names[at]
    return paths


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise DataError("no such file", where=str(path)) from error
    return found.st_size, found.st_mtime_ns

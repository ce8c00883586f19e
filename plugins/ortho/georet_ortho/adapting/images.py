"""Photos and tiles in the encoder's size, by what is known of the camera; maps kept on disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from georet.cameras.crops import rectified, turned
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.config import SMOOTH_RULE
from georet.data.resizing import resize
from georet.errors import DataError
from georet.files import replaced_file
from georet.ground.tangent import Tangent
from georet.types import Doubles, Pixels
from georet_ortho.flights import Telemetry
from georet_ortho.making import Area, Drawn

TOLD: Final = "told"
SHOWN: Final = "shown"
SEARCHED: Final = "searched"
SPUN: Final = "spun"
TURNS: Final = 12
_WITHIN: Final = math.radians(180 / TURNS)
_TURNED: Final = 0.25
_TOLD, _TURN, _TILE, _KIND = 11, 12, 13, 14


def images_of(kind: str, photo: Pixels, drawn: Drawn, side_m: float, px: int) -> list[Pixels]:
    """Return a photo as one kind of query, uint8[px, px, 3] each: twelve where turns are searched.

    ``told``: rectified by noisy telemetry. ``shown``, for training: one in four is merely turned,
    by a heading within 15 degrees, the others are as told.
    ``searched``: rectified by told height and tilt, at twelve headings that begin anywhere.
    ``spun``: turned by twelve such headings, nothing told.
    """
    if kind == SHOWN and drawn.generator(_KIND).random() < _TURNED:
        off = drawn.generator(_TURN).uniform(-_WITHIN, _WITHIN)
        return [turned(photo, drawn.shot.camera.pose.up_heading_rad + off, px)]
    begin = drawn.generator(_TURN).uniform(0, 2 * np.pi)
    if kind == SPUN:
        return spun(photo, px, float(begin))
    told = Telemetry().told(drawn.shot.camera, drawn.generator(_TOLD))
    if kind in (TOLD, SHOWN):
        return [rectified(photo, told, side_m, px)]
    return [rectified(photo, _headed(told, each), side_m, px) for each in _around(begin)]


def spun(photo: Pixels, px: int, begin_rad: float = 0.0) -> list[Pixels]:
    """Return a photo uint8[px, px, 3] turned by twelve headings, the first ``begin_rad``."""
    return [turned(photo, each, px) for each in _around(begin_rad)]


def _around(begin_rad: float) -> list[float]:
    headings: list[float] = (begin_rad + 2 * np.pi * np.arange(TURNS) / TURNS).tolist()
    return headings


def _headed(camera: Pinhole, heading_rad: float) -> Pinhole:
    pose = camera.pose
    turned_to = Pose.looking_at((0.0, 0.0), pose.height_m, heading_rad, pose.tilt_rad)
    return replace(camera, pose=turned_to)


def tiles_near(area: Area, photos: Sequence[Drawn], px: int) -> tuple[Pixels, Doubles]:
    """Return a tile uint8[N, px, px, 3] that shows each photo's place, and its centre [N, 2].

    Its centre lies up to half a step from the place, as that of a gallery's nearest tile does; at
    the map's edge it is that tile.
    """
    images, centres = [], []
    reach = area.side_m * (1 - area.overlap) / 2
    for drawn in photos:
        place = Tangent(*drawn.shot.latlon.tolist())
        off = drawn.generator(_TILE).uniform(-reach, reach, (1, 2))
        centre = place.latlon(off)[0]
        try:
            image = area.scene.tile(centre, area.side_m, drawn.name)
        except DataError:
            centre = area.tiles.latlon[drawn.row]
            image = area.source.read(drawn.row)
        images.append(resize(image, (px, px), SMOOTH_RULE))
        centres.append(centre)
    return np.stack(images), np.stack(centres)


def kept(path: Path, make: Callable[[], Tensor]) -> Tensor:
    """Return the maps in a file, made and written first if they are not there."""
    if not path.is_file():
        found = make().numpy()
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, found, allow_pickle=False)
    try:
        return torch.from_numpy(np.load(path, allow_pickle=False))
    except ValueError as error:
        hint = "Delete it; the same command makes it again."
        raise DataError(f"can't be read: {error}", where=str(path), hint=hint) from error

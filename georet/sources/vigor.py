"""Folders of tiles whose names tell their centres, as VIGOR's: ``satellite_{lat}_{lon}.png``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from georet.errors import DataError
from georet.ground.wgs84 import HALF_WORLD_M, latlon_of_mercator, mean_side_m, mercator_m, wrapped
from georet.sources.images import ImageSource, one_side_m, square_table
from georet.sources.strays import Strays
from georet.sources.untrusted import Inside
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import Doubles

ZOOM: Final = 20
TILE_PX: Final = 640
"""VIGOR's tiles are Google's static maps of zoom 20 with 640 pixels a side (Zhu et al., CVPR 2021,
section 3): squares in Web Mercator."""

_NAME: Final = re.compile(
    r".*_(-?\d+\.\d+)_(-?\d+\.\d+)\.(?:png|jpe?g|webp|tiff?|bmp)", re.IGNORECASE
)


_MOST_NAMED: Final = 20


class _Named(NamedTuple):
    name: str
    path: Path
    latlon: tuple[float, float]


def is_named_folder(root: Path) -> bool:
    """Say whether a folder, or one in it, holds an image whose name tells its centre.

    Both numbers need decimals, so that no numbered frame is taken for a place.
    """
    return any(_NAME.fullmatch(name) for _, names in _walked(root) for name in names)


def open_named(root: Path, tiling: Tiling, *, follow: bool = False) -> ImageSource:
    """Return the tiles in a folder and those below it, by their paths in it.

    Their sides are those of VIGOR's static maps, or ``side_m``. Ids are the paths. DataError for
    a name with a position that is not on Earth, and for a link out of the folder unless
    ``follow``. Images whose names tell no place are left out and remarked on.
    """
    root = Path(root).absolute()
    side_m = one_side_m(tiling, where=str(root))
    strays = Strays(root)
    tiles = sorted(_found(root, strays, None if follow else Inside(root)))
    ids = [tile.name for tile in tiles]
    latlon = np.array([tile.latlon for tile in tiles], np.float64).reshape(-1, 2)
    if side_m is None:
        table = _static_maps(ids, latlon)
    else:
        table = square_table(ids, latlon, np.full(len(ids), side_m))
    about = {"kind": "named images", "path": str(root), "tiling": tiling.as_json()}
    return ImageSource(table, [tile.path for tile in tiles], about, strays.remarks())


def _found(root: Path, strays: Strays, inside: Inside | None) -> list[_Named]:
    found = []
    for folder, names in _walked(root):
        for name in names:
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            match = _NAME.fullmatch(name)
            if match is None:
                strays.note("names", relative)
                continue
            if inside is not None:
                inside.check(path)
            if path.exists():
                strays.look(relative, path, path.stat().st_size)
            lat, lon = float(match[1]), float(match[2])
            if abs(lat) > 90 or abs(lon) > 180:
                raise DataError(
                    f"its name says latitude {lat:g}, longitude {lon:g}",
                    where=str(path),
                    hint="Names end in _{lat}_{lon}; are they swapped?",
                )
            found.append(_Named(relative, path, (lat, lon)))
    return found


def _walked(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder below ``root``, links followed once, and the names of its files."""
    seen: set[str] = set()
    for folder, inner, names in os.walk(root, followlinks=True):
        seen.add(os.path.realpath(folder))
        inner[:] = [name for name in inner if os.path.realpath(Path(folder, name)) not in seen]
        yield folder, names


def _static_maps(ids: list[str], latlon: Doubles) -> TileTable:
    half = HALF_WORLD_M * TILE_PX / 256 / 2**ZOOM
    steps = np.array([(-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0)])
    centres = np.stack([latlon[:, 0], wrapped(latlon[:, 1])], axis=-1)
    ring = latlon_of_mercator(mercator_m(centres)[:, None] + half * steps)
    return TileTable(ids, centres, ring[:, ::2], mean_side_m(ring))

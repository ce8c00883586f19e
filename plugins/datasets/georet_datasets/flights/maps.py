"""Tiles cut from the large maps that data sets of flights bring, once, into a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from georet.cache import cache_dir
from georet.errors import ConfigError, DataError
from georet.extras import need
from georet.files import write_atomic
from georet.ground.tangent import Tangent
from georet.ground.wgs84 import continued, mean_side_m
from georet.types import Doubles, ImageTable, Ints

_BANDS: Final = 3
_QUALITY: Final = 92


@dataclass(frozen=True)
class Map:
    """One picture of the ground: ``latlon_of`` takes columns and rows [N, 2] to degrees [N, 2].

    Position (0, 0) is the top left corner of the first pixel. ``name`` is unique in a data set.
    """

    name: str
    region: str
    path: Path
    latlon_of: Callable[[Doubles], Doubles]


@dataclass(frozen=True)
class Cutting:
    """How maps are cut: squares of ``side_m`` on the ground that overlap by a share, as pixels.

    ``folder`` is where the tiles are kept; None: below georet's cache. ConfigError for what can't
    be.
    """

    side_m: float
    overlap: float = 0.5
    px: int = 256
    folder: Path | None = None

    def __post_init__(self) -> None:
        for name, value, is_right in (
            ("side_m", self.side_m, self.side_m > 0),
            ("overlap", self.overlap, 0 <= self.overlap < 1),
            ("tile_px", self.px, 16 <= self.px <= 4096),
        ):
            if not is_right:
                raise ConfigError(f"is {value}", where=name)

    def tiles(self, maps: Sequence[Map], name: str) -> ImageTable:
        """Return the tiles of all maps; those that are not there yet are cut now.

        Columns: ``region``, ``map``.
        """
        ids: list[str] = []
        paths: list[Path] = []
        corners: list[Doubles] = []
        of: list[tuple[str, str]] = []
        for one in maps:
            folder = self._folder(one)
            windows = self._windows(one)
            found = [folder / f"{left:06d}_{top:06d}.jpg" for left, top, _, _ in windows.tolist()]
            _cut(one, windows, found, self.px)
            ids += [f"{one.name}/{path.stem}" for path in found]
            paths += found
            corners.append(_corners(one, windows))
            of += [(one.region, one.name)] * len(found)
        every = np.concatenate(corners)
        regions, names = np.array(of).T
        middle = continued(every[:, :1], every).mean(axis=1)
        middle[:, 1] = (middle[:, 1] + 180) % 360 - 180
        return ImageTable(
            ids,
            paths,
            middle,
            {"region": regions, "map": names},
            name,
            corners_latlon=every,
            side_m=mean_side_m(every),
        )

    def _folder(self, one: Map) -> Path:
        try:
            facts = one.path.stat()
        except OSError as error:
            raise DataError(f"can't be read: {error.strerror}", where=str(one.path)) from None
        asked = [str(one.path.resolve()), facts.st_size, facts.st_mtime_ns, self.side_m]
        key = json.dumps([*asked, self.overlap, self.px, one.latlon_of(np.eye(2)).tolist()])
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return (self.folder or cache_dir() / "maps") / f"{one.name}-{digest}"

    def _windows(self, one: Map) -> Ints:
        """Return left, top, width, height int64[M, 4] in pixels of the map."""
        width, height = size_of(one.path)
        middle = np.array([[width / 2, height / 2]])
        around = middle + np.array([[0, 0], [1, 0], [0, 1]])
        metres = Tangent(*one.latlon_of(middle)[0]).metres(one.latlon_of(around))
        px_m = np.linalg.norm(metres[1:] - metres[0], axis=1)
        sides = np.maximum(1, np.round(self.side_m / px_m)).astype(int)
        stops = [
            _stops(whole, int(side), self.overlap)
            for whole, side in zip((width, height), sides, strict=True)
        ]
        left, top = np.meshgrid(*stops)
        size = np.minimum(sides, (width, height))
        return np.column_stack([left.ravel(), top.ravel(), np.tile(size, (left.size, 1))])


def nearest_and_others(tiles: ImageTable, regions: Sequence[str], latlon: Doubles) -> Ints:
    """Return rows int64[N, P]: the tile whose centre is nearest to each place, then those around.

    Tiles of the place's own region alone; the others are those whose ground holds the place, -1
    pads. A row begins with -1 where no tile holds it.
    """
    assert tiles.latlon is not None
    assert tiles.corners_latlon is not None
    found: list[list[int]] = []
    rows_of = {name: np.flatnonzero(tiles.columns["region"] == name) for name in set(regions)}
    for region, place in zip(regions, latlon, strict=True):
        rows = rows_of[region]
        tangent = Tangent(float(place[0]), float(place[1]))
        corners = tangent.metres(tiles.corners_latlon[rows].reshape(-1, 2)).reshape(-1, 4, 2)
        holds = _hold_origin(corners)
        away = np.linalg.norm(corners.mean(axis=1), axis=1)
        inside = np.flatnonzero(holds)
        found.append(rows[inside[np.argsort(away[inside], kind="stable")]].tolist())
    table = np.full((len(found), max(1, *map(len, found))), -1, np.int64)
    for at, inside_rows in enumerate(found):
        table[at, : len(inside_rows)] = inside_rows
    return table


def _hold_origin(corners: Doubles) -> Any:
    """Say of convex outlines [M, 4, 2] which hold the point (0, 0)."""
    after = np.roll(corners, -1, axis=1)
    turns = corners[..., 0] * after[..., 1] - corners[..., 1] * after[..., 0]
    return (turns <= 0).all(axis=1) | (turns >= 0).all(axis=1)


def _stops(whole: int, side: int, overlap: float) -> list[int]:
    if side >= whole:
        return [0]
    step = max(1, round(side * (1 - overlap)))
    return [*range(0, whole - side, step), whole - side]


def _corners(one: Map, windows: Ints) -> Doubles:
    left, top, width, height = windows.T.astype(np.float64)
    places = np.stack(
        [
            np.column_stack([left, top]),
            np.column_stack([left + width, top]),
            np.column_stack([left + width, top + height]),
            np.column_stack([left, top + height]),
        ],
        axis=1,
    )
    return one.latlon_of(places.reshape(-1, 2)).reshape(-1, 4, 2)


def size_of(path: Path) -> tuple[int, int]:
    """Return a map's width and height in pixels."""
    with _opened(path) as raster:
        return raster.width, raster.height


def _opened(path: Path) -> Any:
    import warnings

    rasterio = need("rasterio", extra="gallery", what="cutting a map into tiles")
    with warnings.catch_warnings():
        # Where the map lies is told beside it.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            return rasterio.open(path)
        except rasterio.errors.RasterioError as error:
            raise DataError(f"is no raster that can be read: {error}", where=str(path)) from error


def _cut(one: Map, windows: Ints, paths: Sequence[Path], px: int) -> None:
    left = [at for at, path in enumerate(paths) if not path.is_file()]
    if not left:
        return
    rasterio = need("rasterio", extra="gallery", what="cutting a map into tiles")
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    with _opened(one.path) as raster:
        if raster.count < _BANDS or raster.dtypes[0] != "uint8":
            raise DataError(
                f"has {raster.count} bands of {raster.dtypes[0]}, wanted 3 of uint8",
                where=str(one.path),
            )
        for at in left:
            window = rasterio.windows.Window(*windows[at].tolist())
            bands = raster.read(
                [1, 2, 3],
                window=window,
                out_shape=(_BANDS, px, px),
                resampling=rasterio.enums.Resampling.average,
            )
            bgr = np.ascontiguousarray(bands[::-1].transpose(1, 2, 0))
            encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
            write_atomic(paths[at], encoded.tobytes())

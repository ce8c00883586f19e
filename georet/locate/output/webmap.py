"""Small maps in Web Mercator: a gallery's own pictures, heat over them, shapes on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from scipy.spatial import cKDTree

from georet.gallery.pictures.mosaic import EXTENT_M, WEB_RADIUS_M, Mosaic
from georet.geodesy import EARTH_RADIUS_M, destination, unit_vectors, vectors_of_angles
from georet.ground.wgs84 import mercator_m
from georet.page.markup import Html, data_url
from georet.tiles.table import TileTable
from georet.types import Bools, Doubles, Floats, Ints, Pixels

_HIGHEST_LATLON: Final = 84.0
_PADDING: Final = 0.03
_GAMMA: Final = 1 / 3
"""Shown heat is the cube root of belief: a thousandth of the best is still a tenth."""
_STOPS: Final = (0.0, 0.35, 0.7, 1.0)
_COLOURS: Final = ((122, 47, 168), (220, 60, 110), (250, 150, 40), (255, 250, 170))
_LEAST_PX: Final = 9
"""A tile is shown at least so large."""
_CIRCLE_POINTS: Final = 96


@dataclass(frozen=True)
class Frame:
    """A window on the map: west, south, east, north in EPSG:3857 metres, drawn as w x h pixels.

    ``east`` may lie beyond the antimeridian.
    """

    bounds_m: tuple[float, float, float, float]
    width: int
    height: int

    def xy(self, latlon: Doubles) -> Doubles:
        """Return float64[M, 2] in pixels for positions [M, 2], each on its side of the window."""
        west, south, east, north = self.bounds_m
        x_m, y_m = _on_map_m(latlon).T
        middle = (west + east) / 2
        x_m = middle + (x_m - middle + EXTENT_M) % (2 * EXTENT_M) - EXTENT_M
        return np.stack(
            [
                (x_m - west) / (east - west) * self.width,
                (north - y_m) / (north - south) * self.height,
            ],
            axis=1,
        )

    def points(self) -> Doubles:
        """Return the pixels' centres as points float64[h * w, 3] on the unit sphere."""
        west, south, east, north = self.bounds_m
        x = (west + (np.arange(self.width) + 0.5) / self.width * (east - west)) / WEB_RADIUS_M
        y = north - (np.arange(self.height) + 0.5) / self.height * (north - south)
        latitude = np.arctan(np.sinh(y / WEB_RADIUS_M))
        angles = np.stack(np.broadcast_arrays(latitude[:, None], x[None, :]), axis=-1)
        return vectors_of_angles(angles.reshape(-1, 2))

    def ground_m_per_px(self) -> float:
        """Return metres on the ground for a pixel in the window's middle."""
        west, south, east, north = self.bounds_m
        latitude = np.arctan(np.sinh((south + north) / 2 / WEB_RADIUS_M))
        return float((east - west) / self.width * np.cos(latitude))


def _on_map_m(latlon: Doubles) -> Doubles:
    """Return x, y float64[..., 2] in EPSG:3857 metres of positions, cut off near the poles."""
    latitude = np.clip(latlon[..., 0], -_HIGHEST_LATLON, _HIGHEST_LATLON)
    return mercator_m(np.stack([latitude, latlon[..., 1]], axis=-1))


def frame_of(tiles: TileTable, width: int, most: int) -> Frame:
    """Return the window that holds all tiles, ``width`` pixels wide and at most ``most`` high.

    Longitudes leave out the widest gap, so that a gallery at the antimeridian is narrow.
    """
    latlon = tiles.corners_latlon.reshape(-1, 2) if len(tiles) else np.zeros((1, 2))
    ring = np.unique(latlon[:, 1] % 360)
    gaps = np.diff(np.append(ring, ring[0] + 360))
    widest = int(np.argmax(gaps))
    west = float(ring[(widest + 1) % len(ring)])
    span = 360 - float(gaps[widest])
    if span > 330:
        west, span = -180.0, 360.0
    west = (west + 180) % 360 - 180
    corners = [[latlon[:, 0].min(), west], [latlon[:, 0].max(), west + span]]
    (x0, y0), (x1, y1) = _on_map_m(np.array(corners))
    return _fitted((float(x0), float(y0), float(x1), float(y1)), width, most)


def frame_around(latlon: tuple[float, float], half_m: float, side: int) -> Frame:
    """Return a square window of ``side`` pixels that reaches ``half_m`` on the ground each way."""
    stretch = 1 / max(0.1, float(np.cos(np.radians(min(abs(latlon[0]), _HIGHEST_LATLON)))))
    half = min(half_m * stretch, EXTENT_M)
    x, y = _on_map_m(np.array(latlon)).tolist()
    return Frame((x - half, y - half, x + half, y + half), side, side)


def _fitted(bounds_m: tuple[float, float, float, float], width: int, most: int) -> Frame:
    """Return a window round bounds, padded, of the shape of the bounds as far as allowed."""
    west, south, east, north = bounds_m
    wide = max(east - west, 1.0) * (1 + 2 * _PADDING)
    tall = max(north - south, 1.0) * (1 + 2 * _PADDING)
    wide, tall = max(wide, tall * width / most), max(tall, wide / 3)
    wide = min(wide, 2 * EXTENT_M)
    x, y = (west + east) / 2, (south + north) / 2
    height = min(most, round(width * tall / wide))
    return Frame((x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2), width, height)


class Painter:
    """Draws maps of one gallery; what many photos share is drawn once."""

    def __init__(self, gallery: Any) -> None:
        self.tiles: TileTable = gallery.tiles
        self._mosaic = Mosaic(gallery)
        self._tree = cKDTree(unit_vectors(self.tiles.latlon))
        self._cells: dict[Frame, tuple[Ints, Bools]] = {}

    def base(self, frame: Frame) -> Pixels:
        """Return the ground of a window uint8[h, w, 4]; grey where tiles have no picture."""
        picture = self._mosaic.render(frame.bounds_m, (frame.height, frame.width))
        if not picture[:, :, 3].any():
            _, is_near = self._nearest(frame)
            picture[is_near.reshape(frame.height, frame.width)] = (128, 128, 120, 90)
        return picture

    def heat(self, frame: Frame, heat: Floats, *, keep: bool = False) -> Pixels:
        """Return heat float32[R] as a veil uint8[h, w, 4] over a window, clear where it is cold.

        ``keep`` remembers which tile each pixel shows, for a window that comes again.
        """
        rows, is_near = self._cells.get(frame) or self._nearest(frame)
        if keep:
            self._cells[frame] = rows, is_near
        shown = np.where(is_near, heat[rows], 0).astype(np.float32) ** _GAMMA
        sharp = shown.reshape(frame.height, frame.width)
        tile_px = float(np.median(self.tiles.side_m)) / frame.ground_m_per_px()
        if tile_px < _LEAST_PX:
            least = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_LEAST_PX, _LEAST_PX))
            sharp = np.asarray(cv2.dilate(sharp, least), np.float32)
        blur = 0.17 * tile_px
        picture = np.asarray(cv2.GaussianBlur(sharp, (0, 0), min(max(blur, 0.6), 40.0)))
        return _veil(np.clip(picture / max(float(picture.max()), 1e-6), 0, 1))

    def _nearest(self, frame: Frame) -> tuple[Ints, Bools]:
        """Return the nearest tile of each pixel int64[h * w], and if the pixel is near it."""
        chords, rows = self._tree.query(frame.points())
        found = np.asarray(rows, np.int64)
        reach = self.tiles.side_m[found] / np.sqrt(2) / EARTH_RADIUS_M
        return found, np.asarray(chords) <= reach


def muted(picture: Pixels) -> Pixels:
    """Return a picture uint8[h, w, 4] darker and greyer, so that what lies on it stands out."""
    colours = picture[:, :, :3].astype(np.float32)
    grey = colours.mean(axis=2, keepdims=True)
    return np.dstack([(0.65 * (0.6 * grey + 0.4 * colours)).astype(np.uint8), picture[:, :, 3:]])


def _veil(share: Floats) -> Pixels:
    veil = np.empty((*share.shape, 4), np.uint8)
    for channel, values in enumerate(zip(*_COLOURS, strict=True)):
        veil[:, :, channel] = np.interp(share, _STOPS, values)
    veil[:, :, 3] = 235 * np.clip((share - 0.03) / 0.35, 0, 1)
    return veil


def circle(frame: Frame, latlon: tuple[float, float], radius_m: float) -> str:
    """Return a path through the points at a distance on the ground."""
    bearing = np.linspace(0, 2 * np.pi, _CIRCLE_POINTS, endpoint=False)
    return path_of(frame, destination(np.array(latlon), bearing, radius_m))


def path_of(frame: Frame, latlon: Doubles) -> str:
    """Return a closed path through positions float64[M, 2], in one piece round its first."""
    xy = frame.xy(latlon)
    west, _, east, _ = frame.bounds_m
    turn = 2 * EXTENT_M / (east - west) * frame.width
    xy[:, 0] = xy[0, 0] + (xy[:, 0] - xy[0, 0] + turn / 2) % turn - turn / 2
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in xy) + "Z"


def webp(picture: Pixels, quality: int = 82) -> Html:
    """Return a picture uint8[h, w, 4], RGBA, as a data address."""
    swapped = np.ascontiguousarray(picture[:, :, [2, 1, 0, 3]])
    encoded = cv2.imencode(".webp", swapped, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return data_url(encoded.tobytes(), "image/webp")

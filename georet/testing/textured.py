"""Drawn ground with texture on all scales, for measuring what reading imagery costs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from georet.types import Pixels

QUALITY = 85


def textured(side_px: int, seed: int) -> Pixels:
    """Return uint8[side_px, side_px, 3]: fields, roads and roofs over noise of every octave.

    As JPEG of quality 85 it takes about as many bytes a pixel as aerial photos do.
    """
    rng = np.random.default_rng(seed)
    image = np.full((side_px, side_px, 3), (96, 110, 84), np.float32)
    cells = 4
    while cells <= side_px:
        noise = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        image += 9 * cv2.resize(noise, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
        cells *= 2
    for _ in range(side_px // 12):
        middle = rng.integers(0, side_px, 2).tolist()
        size = (float(rng.uniform(6, 60)), float(rng.uniform(6, 60)))
        box = cv2.boxPoints((tuple(middle), size, float(rng.uniform(0, 90)))).astype(np.int32)
        cv2.fillConvexPoly(image, box, rng.uniform(40, 220, 3).tolist(), cv2.LINE_AA)
    for _ in range(max(1, side_px // 150)):
        ends = rng.integers(0, side_px, (2, 2)).tolist()
        cv2.line(image, ends[0], ends[1], (150, 150, 155), int(rng.integers(2, 9)), cv2.LINE_AA)
    image += rng.normal(scale=5, size=image.shape).astype(np.float32)
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def encoded_tiles(num: int, side_px: int, seed: int = 0) -> Iterator[bytes]:
    """Yield ``num`` tiles of textured ground as JPEG; drawn on all cores."""

    def drawn(number: int) -> list[bytes]:
        ground, options = textured(2 * side_px, seed + number), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        corners = [(top, left) for top in (0, side_px) for left in (0, side_px)]
        tiles = [ground[t : t + side_px, left : left + side_px, ::-1] for t, left in corners]
        return [cv2.imencode(".jpg", tile, options)[1].tobytes() for tile in tiles]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for four in pool.map(drawn, range(-(-num // 4))):
            yield from four


def write_folder(folder: Path, num: int, side_px: int, *, zoom: int = 17) -> Path:
    """Write ``num`` tiles as a folder ``{zoom}/{x}/{y}.jpg``, in a square as far as possible."""
    for (x, y), content in zip(_places(num, zoom), encoded_tiles(num, side_px), strict=False):
        path = folder / str(zoom) / str(x) / f"{y}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_mbtiles(path: Path, folder: Path) -> Path:
    """Write the tiles of such a folder as MBTiles."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        database.execute("INSERT INTO metadata VALUES ('format', 'jpg')")
        columns = "zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB"
        database.execute(f"CREATE TABLE tiles ({columns})")
        for tile in sorted(folder.glob("*/*/*.jpg")):
            zoom, x, y = int(tile.parts[-3]), int(tile.parts[-2]), int(tile.stem)
            row = zoom, x, 2**zoom - 1 - y, tile.read_bytes()
            database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", row)
        database.execute("CREATE UNIQUE INDEX place ON tiles (zoom_level, tile_column, tile_row)")
    database.close()
    return path


def _places(num: int, zoom: int) -> Iterator[tuple[int, int]]:
    """Yield x, y of tiles around 47 degrees north."""
    across = int(np.ceil(np.sqrt(num)))
    left, top = int(0.52 * 2**zoom), int(0.35 * 2**zoom)
    for number in range(num):
        yield left + number % across, top + number // across

"""The same area as XYZ folder, MBTiles, PMTiles and raster, and what writes such archives."""

import sqlite3
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import rasterio
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from rasterio.transform import from_bounds

from georet.ground.wgs84 import tile_bounds_m

ZOOM, FIRST, SHAPE, PX = 8, (130, 85), (4, 3), 64


HOLE = (131, 86)


def picture(width, height, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def encoded(image, suffix=".png"):
    codes = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return cv2.imencode(suffix, cv2.cvtColor(image, codes))[1].tobytes()


def area():
    """Return a picture of 4 x 3 tiles and its tiles by zoom, x and y; one is missing."""
    image = picture(SHAPE[0] * PX, SHAPE[1] * PX)
    tiles = {}
    for x in range(SHAPE[0]):
        for y in range(SHAPE[1]):
            part = image[y * PX : (y + 1) * PX, x * PX : (x + 1) * PX]
            if (FIRST[0] + x, FIRST[1] + y) != HOLE:
                tiles[ZOOM, FIRST[0] + x, FIRST[1] + y] = encoded(part)
    return image, tiles


def write_xyz(root, tiles, suffix=".png", *, tms=False):
    for (zoom, x, y), data in tiles.items():
        path = root / str(zoom) / str(x) / f"{2**zoom - 1 - y if tms else y}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_mbtiles(path, tiles, *, image_format="png"):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        database.execute("INSERT INTO metadata VALUES ('format', ?)", [image_format])
        columns = "zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB"
        database.execute(f"CREATE TABLE tiles ({columns})")
        rows = [(zoom, x, 2**zoom - 1 - y, data) for (zoom, x, y), data in tiles.items()]
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    database.close()
    return path


def write_pmtiles(path, tiles, *, kind=TileType.PNG, packed=Compression.NONE):
    zooms = [zoom for zoom, _, _ in tiles]
    header = {
        "tile_type": kind, "tile_compression": packed, "min_zoom": min(zooms),
        "max_zoom": max(zooms), "min_lon_e7": 0, "min_lat_e7": 0, "max_lon_e7": 1,
        "max_lat_e7": 1, "center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0,
    }  # fmt: skip
    with path.open("wb") as stream:
        writer = Writer(stream)
        for key in sorted(tiles, key=lambda key: zxy_to_tileid(*key)):
            writer.write_tile(zxy_to_tileid(*key), tiles[key])
        writer.finalize(header, {})
    return path


def write_raster(path, image):
    corners = np.array([FIRST, (FIRST[0] + SHAPE[0] - 1, FIRST[1] + SHAPE[1] - 1)])
    (west, _, _, north), (_, south, east, _) = tile_bounds_m(ZOOM, corners)
    height, width = image.shape[:2]
    affine = from_bounds(west, south, east, north, width, height)
    alpha = np.full((height, width), 255, np.uint8)
    x, y = ((HOLE[i] - FIRST[i]) * PX for i in (0, 1))
    alpha[y : y + PX, x : x + PX] = 0
    profile = {"driver": "GTiff", "count": 4, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(path, "w", crs="EPSG:3857", transform=affine, **profile) as raster:
        raster.write(np.concatenate([np.moveaxis(image, -1, 0), alpha[None]]))
        raster.colorinterp = [
            rasterio.enums.ColorInterp[c] for c in ("red", "green", "blue", "alpha")
        ]
    return path


@pytest.fixture(scope="session")
def same_area(tmp_path_factory):
    root = tmp_path_factory.mktemp("same-area")
    image, tiles = area()
    write_xyz(root / "xyz", tiles)
    write_mbtiles(root / "area.mbtiles", tiles)
    write_pmtiles(root / "area.pmtiles", tiles)
    write_raster(root / "area.tif", image)
    return root


@pytest.fixture(scope="session")
def make():
    """Give tests the functions of this file."""
    functions = (picture, encoded, area, write_xyz, write_mbtiles, write_pmtiles)
    return SimpleNamespace(**{function.__name__: function for function in functions})

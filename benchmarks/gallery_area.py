"""Builds galleries from a piece of OrbitView's texture and locates photos rendered over it.

First a GeoTIFF in a projected coordinate system, with a hole without data: are the tiles where
rasterio says, and are photos found? Then one area as XYZ folder, MBTiles, PMTiles and GeoTIFF: are
footprints and embeddings the same?

python benchmarks/gallery_area.py runs/orbitview
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import rasterio
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from rasterio.transform import from_bounds, from_origin
from rasterio.warp import Resampling, reproject, transform

from georet.extras import need
from georet.facade import Gallery
from georet.gallery.making.build import build_gallery
from georet.ground.wgs84 import span_m, tile_bounds_m
from georet.locate.locator import Locator
from georet.plugins import Selection
from georet.sessions import SessionSpec
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling
from georet.types import QUERY, REFERENCE, Doubles, Pixels
from georet_orbitview.camera import TILE_SIDE_M, draw_views
from georet_orbitview.dataset import OrbitView
from georet_orbitview.render import render_photo
from georet_orbitview.sources import texture

# Albers' equal-area map of the conterminous United States: held out of OrbitView's training.
CRS, WEST_M, NORTH_M, PIXEL_M, SIZE = "EPSG:5070", -2.4e6, 3.2e6, 4000.0, (738, 1175)
HOLE_M, HOLE_RADIUS_M = (-300_000.0, 1_700_000.0), 300_000.0
ZOOM, FIRST, NUM = 5, (6, 11), (3, 3)
NEAR_M = (100_000.0, 200_000.0, 400_000.0)
ARCHIVES = ("xyz", "area.mbtiles", "area.pmtiles", "area.tif")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a run trained on OrbitView")
    parser.add_argument("--out", type=Path, help="keep files here (default: a temporary folder)")
    parser.add_argument("--overlap", type=float, default=0.75, help="of the tiles (default 0.75)")
    parser.add_argument("--plugins", default="sample4geo,orbitview", help="plugins of the run")
    arguments = parser.parse_args()
    plugins = tuple(arguments.plugins.split(","))
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        locate_photos(arguments.run, out, arguments.overlap, plugins)
        compare_archives(arguments.run, out, plugins)


def locate_photos(run: Path, out: Path, overlap: float, plugins: tuple[str, ...]) -> None:
    path = write_area(out / "area-projected.tif")
    tiling = Tiling(side_m=(TILE_SIDE_M,), overlap=overlap)
    gallery = built(str(path), run, out / "projected.gallery", tiling, plugins)
    print(f"{path.name}: {CRS}, {len(gallery.tiles)} tiles of 420 km, overlap {overlap:g}")
    print(f"  centres are off rasterio's transform by at most {centre_error_m(path, tiling):.2g} m")
    photos, truth = photos_over_area()
    locator = Locator(gallery, spec(run, QUERY, plugins).open(), with_heat=False)
    begun = time.perf_counter()
    found = locator.locate(photos, k=5)
    took_ms = 1000 * (time.perf_counter() - begun) / len(photos)
    estimate = span_m(np.array([place.latlon for place in found]), truth)
    best = [[c.latlon for c in place.candidates] for place in found]
    tiles_m = span_m(np.array(best), truth[:, None])
    print(f"  {len(photos)} photos of held-out places, {took_ms:.1f} ms each")
    for name, error_m in (
        ("estimate", estimate),
        ("best tile", tiles_m[:, 0]),
        ("nearest of 5 tiles", tiles_m.min(axis=1)),
    ):
        near = ", ".join(f"{100 * (error_m < m).mean():.0f} % in {m / 1000:.0f} km" for m in NEAR_M)
        print(f"  {name}: {near}; median {np.median(error_m) / 1000:.0f} km")
    area_m2 = SIZE[0] * SIZE[1] * PIXEL_M**2
    chance = ", ".join(f"{100 * min(1, np.pi * m * m / area_m2):.1f} %" for m in NEAR_M)
    print(f"  any place of the map instead: {chance}")


def write_area(path: Path) -> Path:
    """Write the texture as a GeoTIFF in ``CRS``, with a round hole without data."""
    affine = from_origin(WEST_M, NORTH_M, PIXEL_M, PIXEL_M)
    pixels = np.maximum(warped(CRS, affine, SIZE), 1)
    x = WEST_M + (np.arange(SIZE[1]) + 0.5) * PIXEL_M
    y = NORTH_M - (np.arange(SIZE[0]) + 0.5) * PIXEL_M
    pixels[:, np.hypot(x - HOLE_M[0], (y - HOLE_M[1])[:, None]) < HOLE_RADIUS_M] = 0
    write_raster(path, pixels, CRS, affine, nodata=0)
    return path


def warped(crs: str, affine: rasterio.Affine, size: tuple[int, int]) -> Pixels:
    """Return the texture uint8[3, h, w] in another projection."""
    world = np.moveaxis(texture("blue-marble"), -1, 0)
    pixels = np.zeros((3, *size), np.uint8)
    reproject(
        np.ascontiguousarray(world),
        pixels,
        src_transform=from_bounds(-180, -90, 180, 90, world.shape[2], world.shape[1]),
        src_crs="EPSG:4326",
        dst_transform=affine,
        dst_crs=crs,
        resampling=Resampling.bilinear,
    )
    return pixels


def write_raster(
    path: Path, pixels: Pixels, crs: str, affine: rasterio.Affine, nodata: int | None = None
) -> None:
    num, height, width = pixels.shape
    profile = {"driver": "GTiff", "count": num, "height": height, "width": width, "tiled": True}
    with rasterio.open(
        path, "w", dtype="uint8", crs=crs, transform=affine, nodata=nodata, **profile
    ) as raster:
        raster.write(pixels)


def spec(run: Path, view: str, plugins: tuple[str, ...]) -> SessionSpec:
    return SessionSpec(run, view=view, selection=Selection.of(plugins))


def built(source: str, run: Path, out: Path, tiling: Tiling, plugins: tuple[str, ...]) -> Gallery:
    build_gallery(source, spec(run, REFERENCE, plugins), out, tiling=tiling)
    return Gallery.open(out)


def centre_error_m(path: Path, tiling: Tiling) -> float:
    """Return how far the tiles' centres are from where rasterio puts their windows' middles."""
    source = open_source(path, tiling)
    table = source.tiles()
    windows: Doubles = source._plan.windows  # type: ignore[attr-defined]
    columns, rows = (windows[:, :2] + windows[:, 2:] / 2).T
    with rasterio.open(path) as raster:
        # `offset="ul"`: positions count from the pixels' top left corners.
        xs, ys = rasterio.transform.xy(raster.transform, rows, columns, offset="ul")
        lon, lat = transform(raster.crs, "EPSG:4326", xs, ys)
    return float(span_m(table.latlon, np.stack([lat, lon], axis=-1)).max())


def photos_over_area() -> tuple[list[Pixels], Doubles]:
    """Return photos of OrbitView's held-out places on the map, and where they look, [Q, 2].

    Places stand at least 300 km inside the map, and outside the hole.
    """
    dataset = OrbitView()
    places = dataset.world.latlon[dataset.places.held_out]
    x, y = (np.array(v) for v in transform("EPSG:4326", CRS, places[:, 1], places[:, 0]))
    margin = 300_000.0
    is_inside = (x > WEST_M + margin) & (x < WEST_M + SIZE[1] * PIXEL_M - margin)
    is_inside &= (y < NORTH_M - margin) & (y > NORTH_M - SIZE[0] * PIXEL_M + margin)
    is_inside &= np.hypot(x - HOLE_M[0], y - HOLE_M[1]) > HOLE_RADIUS_M + 100_000
    rng = np.random.default_rng(2026)
    views = draw_views(places[is_inside], "normal", rng)
    pixels = texture("blue-marble")
    num = len(views.target_latlon)
    return [render_photo(pixels, views, row, 96, rng) for row in range(num)], views.target_latlon


def compare_archives(run: Path, out: Path, plugins: tuple[str, ...]) -> None:
    write_archives(out)
    for about, tiling in (
        ("own tiles", Tiling(zoom=ZOOM)),
        ("tiles of 420 km", Tiling(side_m=(TILE_SIDE_M,), overlap=0.5)),
    ):
        folders = [out / f"{name}-{about.replace(' ', '-')}.gallery" for name in ARCHIVES]
        galleries = [
            built(str(out / name), run, folder, tiling, plugins)
            for name, folder in zip(ARCHIVES, folders, strict=True)
        ]
        first = galleries[0]
        print(f"one area of zoom {ZOOM}, {about}: {len(first.tiles)}")
        for name, other in zip(ARCHIVES[1:], galleries[1:], strict=True):
            is_same = list(first.tiles.ids) == list(other.tiles.ids)
            apart_m = span_m(first.tiles.corners_latlon, other.tiles.corners_latlon).max()
            difference = np.abs(first.embeddings - other.embeddings).max()
            print(
                f"  {name}: {'the same' if is_same else 'OTHER'} ids as the XYZ folder, footprints "
                f"apart by {apart_m:.2g} m, embeddings by {difference:.2g}"
            )


def write_archives(out: Path) -> None:
    """Write a piece of the texture in Web Mercator as folder, MBTiles, PMTiles and GeoTIFF."""
    ends = np.array([FIRST, (FIRST[0] + NUM[0] - 1, FIRST[1] + NUM[1] - 1)])
    (west, _, _, north), (_, south, east, _) = tile_bounds_m(ZOOM, ends).tolist()
    size = NUM[1] * 256, NUM[0] * 256
    affine = from_bounds(west, south, east, north, size[1], size[0])
    pixels = warped("EPSG:3857", affine, size)
    write_raster(out / "area.tif", pixels, "EPSG:3857", affine)
    image = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)), cv2.COLOR_RGB2BGR)
    tiles = {}
    for x in range(NUM[0]):
        for y in range(NUM[1]):
            part = image[y * 256 : y * 256 + 256, x * 256 : x * 256 + 256]
            tiles[FIRST[0] + x, FIRST[1] + y] = cv2.imencode(".png", part)[1].tobytes()
    for (x, y), data in tiles.items():
        path = out / "xyz" / str(ZOOM) / str(x) / f"{y}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    write_mbtiles(out / "area.mbtiles", tiles)
    write_pmtiles(out / "area.pmtiles", tiles)


def write_mbtiles(path: Path, tiles: dict[tuple[int, int], bytes]) -> None:
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, "
        "tile_data BLOB)"
    )
    rows = [(ZOOM, x, 2**ZOOM - 1 - y, data) for (x, y), data in tiles.items()]
    database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    database.commit()
    database.close()


def write_pmtiles(path: Path, tiles: dict[tuple[int, int], bytes]) -> None:
    header = {
        "tile_type": TileType.PNG, "tile_compression": Compression.NONE,
        "min_zoom": ZOOM, "max_zoom": ZOOM, "center_zoom": ZOOM, "center_lon_e7": 0,
        "center_lat_e7": 0, "min_lon_e7": -1_800_000_000, "min_lat_e7": -850_000_000,
        "max_lon_e7": 1_800_000_000, "max_lat_e7": 850_000_000,
    }  # fmt: skip
    by_id = sorted((zxy_to_tileid(ZOOM, *xy), data) for xy, data in tiles.items())
    with path.open("wb") as stream:
        writer = need("pmtiles.writer", extra="gallery").Writer(stream)
        for tile_id, data in by_id:
            writer.write_tile(tile_id, data)
        writer.finalize(header, {})


if __name__ == "__main__":
    main()

"""UAV-VisLoc: maps between corners, photos by table, tiles cut once; a tree of its layout."""

from __future__ import annotations

import json

import numpy as np
import pytest

from georet.commands.training import start_run
from georet.errors import ConfigError, DataError
from georet.plugins import Selection
from georet.run_layout import EVALUATION
from georet.testing import check_dataset
from georet.train.events import read_events
from georet_datasets.detect import detect
from georet_datasets.flights.uav_visloc import UavVisLoc

NORTH, WEST, DEGREES_PX = 32.3, 119.9, 2.7e-6
PLACES = ((300, 300), (500, 420), (700, 610))
RANGES = "mapname,LT_lat_map,LT_lon_map,RB_lat_map,RB_lon_map,region\n"
HEADER = "num,filename,date,lat,lon,height,Omega,Kappa,Phi1,Phi2\n"


def latlon(column, row):
    return NORTH - row * DEGREES_PX, WEST + column * DEGREES_PX


@pytest.fixture
def root(tmp_path, ground, put_map, put_photo):
    lines = []
    for region in ("01", "03"):
        put_map(tmp_path / region / f"satellite{region}.tif", ground)
        (south, east) = latlon(1200, 900)
        lines.append(f"satellite{region}.tif,{NORTH},{WEST},{south},{east},Changjiang\n")
        rows = []
        for number, (column, row) in enumerate(PLACES, 1):
            name = f"{region}_{number:04d}.JPG"
            put_photo(tmp_path / region / "drone" / name, column, row)
            lat, lon = latlon(column, row)
            rows.append(
                f"{number},{name},2018-01-01T10:00:00,{lat:.8f},{lon:.8f},466,1.5,-2,-30,0\n"
            )
        (tmp_path / region / f"{region}.csv").write_text(HEADER + "".join(rows))
    (tmp_path / "satellite_ coordinates_range.csv").write_text(RANGES + "".join(lines))
    return tmp_path


@pytest.fixture
def made(root, tmp_path):
    return UavVisLoc(root=root, test_regions=["03"], side_m=60, tile_px=64, tiles=tmp_path / "cut")


def test_the_tree_keeps_the_contract_of_data_sets(made):
    check_dataset(made)


def test_a_tree_is_known_by_its_file_of_corners(root):
    assert detect(root)[0] == "uav_visloc"


def test_a_photo_is_paired_with_the_tile_that_shows_it(made, looks_like):
    judged = made.evaluations()["uav"]
    assert len(judged.queries) == 3
    tiles = judged.gallery
    assert tiles.side_m == pytest.approx(60, rel=0.02)
    for row, path in enumerate(judged.queries.paths):
        right = int(judged.positives[row, 0])
        away = np.abs(tiles.latlon[right] - judged.queries.latlon[row])
        assert (away < 0.5 * np.ptp(tiles.corners_latlon[right], axis=0)).all()
        left, top = map(int, tiles.paths[right].stem.split("_"))
        wide, tall = (np.ptp(tiles.corners_latlon[right], axis=0) / DEGREES_PX)[::-1]
        column, line = PLACES[row]
        box = (column - 50 - left) / wide, (line - 50 - top) / tall, 100 / wide, 100 / tall
        assert looks_like(path, tiles.paths[right], box) > 0.8


def test_tiles_are_square_on_the_ground_though_pixels_of_degrees_are_not(made):
    corners = made.evaluations()["uav"].gallery.corners_latlon
    assert np.ptp(corners[0, :, 1]) > 1.1 * np.ptp(corners[0, :, 0])


def test_what_the_table_says_is_kept(made):
    photos = made.train().queries
    assert photos.heading_deg.tolist() == [330.0] * 3
    assert photos.columns["height_asl_m"].tolist() == [466.0] * 3
    assert photos.altitude_m is None, "a height above the sea is none above the ground"


def test_a_table_without_angles_is_read(root, tmp_path):
    path = root / "01" / "01.csv"
    short = [",".join(line.split(",")[:6]) for line in path.read_text().splitlines()]
    path.write_text("\n".join(short) + "\n")
    data = UavVisLoc(root=root, test_regions=["03"], side_m=60, tile_px=64, tiles=tmp_path / "cut")
    assert np.isnan(data.train().queries.heading_deg).all()


def test_tiles_are_cut_once(made, root, tmp_path):
    first = made.evaluations()["uav"].gallery.paths[0]
    before = first.stat().st_mtime_ns
    again = UavVisLoc(root=root, test_regions=["03"], side_m=60, tile_px=64, tiles=tmp_path / "cut")
    assert again.evaluations()["uav"].gallery.paths[0].stat().st_mtime_ns == before
    other = UavVisLoc(root=root, test_regions=["03"], side_m=80, tile_px=64, tiles=tmp_path / "cut")
    assert other.evaluations()["uav"].gallery.paths[0] != first


def test_photos_beyond_the_map_are_counted_and_left_out(root, made, capsys):
    path = root / "03" / "03.csv"
    path.write_text(path.read_text() + "4,03_0001.JPG,x,33.5,119.9,466,0,0,0,0\n")
    with pytest.raises(DataError, match="duplicate id"):
        made.evaluations()
    path.write_text(path.read_text().replace("4,03_0001.JPG", "4,03_0009.JPG"))
    (root / "03" / "drone" / "03_0009.JPG").write_bytes(
        (root / "03" / "drone" / "03_0001.JPG").read_bytes()
    )
    assert len(made.evaluations()["uav"].queries) == 3
    assert "1 of 4 photos show ground beyond the maps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root: (root / "03" / "satellite03.tif").unlink(), "no such file"),
        (lambda root: (root / "03" / "drone" / "03_0002.JPG").unlink(), "the image is missing"),
        (lambda root: (root / "03" / "03.csv").write_text("a,b\n1,2\n"), "has no column"),
        (lambda root: (root / "03" / "satellite03.tif").write_bytes(b"x" * 100), "is no raster"),
    ],
)
def test_what_is_wrong_is_named(root, tmp_path, spoil, said):
    spoil(root)
    data = UavVisLoc(root=root, test_regions=["03"], side_m=60, tile_px=64, tiles=tmp_path / "cut")
    with pytest.raises(DataError, match=said):
        data.evaluations()


def test_regions_that_are_not_there_are_named(root):
    with pytest.raises(ConfigError, match="no region '77'"):
        UavVisLoc(root=root, test_regions=["77"]).evaluations()
    with pytest.raises(ConfigError, match="both trained on and judged"):
        UavVisLoc(root=root, test_regions=["03"], train_regions=["03"])


def test_the_recipe_of_game4loc_trains_and_judges_on_such_a_tree(root, tmp_path):
    inner = f"{{name: datasets:uav_visloc, root: '{root}', test_regions: ['03'], side_m: 60"
    size = "[32, 32]"
    sets = (
        f"dataset.inner={inner}, tile_px: 64, tiles: '{tmp_path / 'cut'}'}}",
        "dataset.query_side_m=60",
        f"data.size={{query: {size}, reference: {size}}}",
        "data.workers=0",
        "encoder.backbone=georet.testing.plugin:tiny",
        "device=cpu",
        "precision=fp32",
        "train.epochs=1",
        "train.batch_size=2",
    )
    plugins = Selection(("sample4geo", "datasets", "game4loc", "georet.testing.plugin"))
    run = start_run(
        selection=plugins, recipe="game4loc/uav-visloc", overrides=sets, out=tmp_path / "run"
    )
    (plan,) = [event for event in read_events(run) if event["event"] == "plan"]
    assert plan["sampler"] == "mutually_exclusive"
    assert plan["num_batches"] > 0
    judged = json.loads((run / EVALUATION / "uav.json").read_text())
    assert judged["num_queries"] == 3

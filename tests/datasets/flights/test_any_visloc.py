"""AnyVisLoc: photos by JSON, maps by UTM corner; a made-up tree of its layout."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.testing import check_dataset
from georet_datasets.detect import detect
from georet_datasets.flights.any_visloc import AnyVisLoc
from georet_datasets.readers.utm import zone_of

EAST, NORTH, PX_M = 631_556.3, 4_061_562.7, 0.25
ZONE = zone_of("50N")


def latlon(column, row):
    (found,) = ZONE.to_latlon(np.array([[EAST + PX_M * column, NORTH - PX_M * row]]))
    return found


def entry(region, name, column, row, pitch=-90.0, yaw=0.0, height=80.0):
    """Return what the metadata say of a photo whose middle shows that pixel."""
    away = 0.0 if pitch == -90 else height / math.tan(math.radians(-pitch)) / PX_M
    # Grid north is not quite true north, which moves it by far less than a tile.
    back = column - away * math.sin(math.radians(yaw)), row + away * math.cos(math.radians(yaw))
    lat, lon = latlon(*back)
    return {
        "name": f"./Data/UAV_image/{region}/flight/{name}", "lat": lat, "lon": lon,
        "abs_height": 120.0, "rel_height": height, "pitch": pitch, "yaw": yaw, "roll": 0.0,
        "cam_size": 15.86, "focal_len": 8.8, "width": 5472, "height": 3648,
    }  # fmt: skip


@pytest.fixture
def root(tmp_path, ground, put_map, put_photo):
    for region in ("QZ_Town", "XA_Park"):
        entries = []
        for number, (column, row, pitch, yaw) in enumerate(
            ((300, 300, -90.0, 0.0), (600, 500, -45.0, 90.0), (800, 450, -60.0, 200.0))
        ):
            entries.append(entry(region, f"DJI_{number}.JPG", column, row, pitch, yaw))
            put_photo(tmp_path / entries[-1]["name"], column, row)
        (tmp_path / "Data/metadata").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"Data/metadata/{region}.json").write_text(json.dumps(entries))
        put_map(tmp_path / f"Data/Reference_map/{region}/result_roi.tif", ground)
        (tmp_path / "Regions_params").mkdir(exist_ok=True)
        (tmp_path / f"Regions_params/{region}.yaml").write_text(
            f"{region}_UTM_SYSTEM: 50N\n"
            f"{region}_HIGH_REF_PATH: ./Data/Reference_map/{region}/result_roi.tif\n"
            f"{region}_HIGH_REF_initialX: {EAST}\n{region}_HIGH_REF_initialY: {NORTH}\n"
            f"{region}_HIGH_REF_resolution: {PX_M}\n"
        )
    return tmp_path


@pytest.fixture
def made(root, tmp_path):
    return AnyVisLoc(root=root, side_m=50, tile_px=64, tiles=tmp_path / "cut")


def test_the_tree_keeps_the_contract_of_data_sets(made, root):
    check_dataset(made)
    assert detect(root)[0] == "any_visloc"


def test_an_oblique_photo_is_paired_with_what_it_looks_at(made):
    judged = made.evaluations()["aerial"]
    assert [name.split("/")[2] for name in judged.queries.ids] == ["XA_Park"] * 3
    for row, (column, line) in enumerate(((300, 300), (600, 500), (800, 450))):
        assert judged.queries.latlon[row] == pytest.approx(latlon(column, line), abs=5e-5)
        corners = judged.gallery.corners_latlon[int(judged.positives[row, 0])]
        assert (corners.min(axis=0) <= judged.queries.latlon[row]).all()
        assert (corners.max(axis=0) >= judged.queries.latlon[row]).all()
    assert judged.queries.columns["camera_lat"][1] == pytest.approx(
        entry("XA_Park", "x", 600, 500, -45.0, 90.0)["lat"]
    )


def test_of_a_single_region_the_first_half_is_trained_on(root, tmp_path):
    (root / "Data/metadata/QZ_Town.json").unlink()
    data = AnyVisLoc(root=root, side_m=50, tile_px=64, tiles=tmp_path / "cut")
    check_dataset(data)
    assert (len(data.train()), len(data.evaluations()["aerial"].queries)) == (1, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("{}", "is no list of photos"),
        ('[{"name": "a.jpg", "lat": "x"}]', "lat is 'x'"),
        ('[{"name": "../a.jpg", "lat": 1, "lon": 1, "rel_height": 9, "pitch": -90, "yaw": 0}]',
         "does not lie in"),
    ],
)  # fmt: skip
def test_metadata_that_are_wrong_are_named(root, made, text, said):
    (root / "Data/metadata/XA_Park.json").write_text(text)
    with pytest.raises(DataError, match=said):
        made.evaluations()


def test_a_map_whose_place_is_not_told_is_named(root, tmp_path):
    data = AnyVisLoc(root=root, reference="satellite", tiles=tmp_path / "cut")
    with pytest.raises(DataError, match="does not say where the satellite map"):
        data.evaluations()
    with pytest.raises(ConfigError, match="no region 'Paris'"):
        AnyVisLoc(root=root, test_regions=["Paris"]).train()

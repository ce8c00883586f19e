"""CVACT: seven panoramas in Canberra, as .mat and as CSV; the two test protocols by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from georet.errors import DataError
from georet.evaluate import metrics_of, rank_embeddings
from georet.geodesy import distance_m
from georet_datasets.readers.cvact import Cvact

IDS = ["aa", "b-", "c_", "dd", "ee", "ff", "gone"]
UTM = np.array([[693_000.0 + 1000 * row, 6_090_000.0] for row in range(7)])
UTM[4] = UTM[3] + (3, 0)
SETS = {"train": [7, 1, 2], "val": [3], "test": [4, 5, 6]}
"""Counted from 1; ``dd`` and ``ee`` of the test set are three metres apart."""

FOLDER = {"train": "ANU_data_small", "val": "ANU_data_small", "test": "ANU_data_test"}


@pytest.fixture
def images(tmp_path: Path, save_image) -> Path:
    for name, numbers in SETS.items():
        for number in numbers:
            text = IDS[number - 1]
            if text != "gone":
                save_image(tmp_path / FOLDER[name] / "streetview" / f"{text}_grdView.jpg")
            save_image(tmp_path / FOLDER[name] / "satview_polish" / f"{text}_satView_polish.jpg")
    return tmp_path


@pytest.fixture(params=["mat", "csv"])
def root(request, images: Path) -> Path:
    if request.param == "mat":
        structs = {
            f"{name}Set": {"first": "ignored", "second": np.array(rows, float)[:, None]}
            for name, rows in SETS.items()
        }
        savemat(images / "ACT_data.mat", {"panoIds": np.array(IDS), "utm": UTM, **structs})
        return images
    lines = [
        f"{IDS[number - 1]},{UTM[number - 1, 0]},{UTM[number - 1, 1]},{name}"
        for name, rows in SETS.items()
        for number in rows
    ]
    (images / "ACT_data.csv").write_text("\n".join(["panoId,easting,northing,set", *lines]))
    return images


def test_ids_without_an_image_are_left_out_and_counted(root, capsys):
    pairs = Cvact(root=root).train()
    assert pairs.queries.ids == pairs.references.ids == ["aa", "b-"]
    assert pairs.queries.paths[0] == root / "ANU_data_small/streetview/aa_grdView.jpg"
    said = capsys.readouterr().err
    assert "1 of 3 ids for train left out" in said
    assert "gone_grdView.jpg" in said
    with pytest.raises(DataError, match="gone_grdView"):
        Cvact(root=root, missing="error").train()


def test_positions_travel_in_the_plane_and_on_the_globe(root):
    queries = Cvact(root=root).train().queries
    assert queries.columns["easting_m"].tolist() == [693_000, 694_000]
    assert queries.columns["northing_m"].tolist() == [6_090_000, 6_090_000]
    assert queries.latlon[0] == pytest.approx([-35.31, 149.12], abs=0.02)
    # A kilometre of the grid; the scale at 693 km east is 1.00006, the sphere is off by 0.3 %.
    assert distance_m(queries.latlon[0], queries.latlon[1]) == pytest.approx(1000, rel=0.004)


def test_the_evaluation_sets_are_val_and_the_test_set_under_two_protocols(root):
    sets = Cvact(root=root).evaluations()
    assert {name: found.protocol for name, found in sets.items()} == {
        "val": "cvact-val/sample4geo",
        "test": "cvact-test/id",
        "test-geo5m": "cvact-test/geo5m",
    }
    assert sets["val"].queries.ids == ["c_"]
    assert sets["test"].gallery.ids == ["dd", "ee", "ff"]
    assert sets["test"].gallery.paths[0].parent == root / "ANU_data_test/satview_polish"


def test_id_and_geo5m_differ_where_two_tiles_are_three_metres_apart(root):
    sets = Cvact(root=root).evaluations()
    # dd's query finds ee's tile first, which is 3 m off; ee's finds its own; ff's finds dd's tile.
    query = np.array([[0.6, 0.8, 0], [0, 1, 0], [0.8, 0, 0.6]], np.float32)
    gallery = np.eye(3, dtype=np.float32)
    recall = {}
    for name in ("test", "test-geo5m"):
        found = sets[name]
        ranking = rank_embeddings(
            query,
            gallery,
            found.positives,
            protocol=found.protocol,
            query_latlon=found.queries.latlon,
            reference_latlon=found.gallery.latlon,
            top_k=3,
        )
        recall[name] = metrics_of(ranking, found.protocol)["recall@1"]
    assert recall["test"] == pytest.approx(100 / 3)
    assert recall["test-geo5m"] == pytest.approx(200 / 3)


def test_without_positions_geo5m_is_left_out(images, capsys):
    lines = [f"{IDS[n - 1]},,,{name}" for name, rows in SETS.items() for n in rows]
    (images / "ACT_data.csv").write_text("\n".join(["panoId,easting,northing,set", *lines]))
    sets = Cvact(root=images).evaluations()
    assert list(sets) == ["val", "test"]
    assert sets["val"].queries.latlon is None
    assert sets["val"].queries.columns == {}
    assert "no positions for val" in capsys.readouterr().err


def test_swapped_easting_and_northing_are_an_error_with_its_line(images):
    (images / "ACT_data.csv").write_text(
        "panoId,easting,northing,set\naa,6090000,693000,train\nb-,,,train\n"
    )
    with pytest.raises(DataError, match=r"ACT_data\.csv:2: easting, northing of 'aa'"):
        Cvact(root=images).train()


def test_a_list_entry_beyond_the_panoramas_is_an_error(images):
    structs = {
        f"{name}Set": {"a": 0, "b": np.array([[8.0 if name == "val" else 1.0]])}
        for name in ("train", "val", "test")
    }
    savemat(images / "ACT_data.mat", {"panoIds": np.array(IDS), "utm": UTM, **structs})
    with pytest.raises(DataError, match="val lists panorama 8, there are 7"):
        Cvact(root=images).evaluations()


@pytest.mark.parametrize("content", [b"", b"not a mat file" * 50])
def test_a_damaged_mat_file_is_named(images, content):
    (images / "ACT_data.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"ACT_data\.mat: can't be read"):
        Cvact(root=images).train()


def test_a_mat_file_of_something_else_is_named(images):
    savemat(images / "ACT_data.mat", {"other": np.eye(2)})
    with pytest.raises(DataError, match="has not the fields of CVACT's list: 'panoIds'"):
        Cvact(root=images).train()


def test_a_csv_may_give_latitude_and_longitude_instead(images):
    header = "panoId,easting,northing,set,lat,lon"
    lines = [f"{IDS[n - 1]},,,{name},{n},{-n}.5" for name, rows in SETS.items() for n in rows]
    (images / "ACT_data.csv").write_text("\n".join([header, *lines]))
    data = Cvact(root=images)
    assert data.train().queries.latlon.tolist() == [[1, -1.5], [2, -2.5]]
    assert data.train().references.columns == {}
    assert list(data.evaluations()) == ["val", "test", "test-geo5m"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("aa,1,2,tset", ":4: 'tset' is no set"),
        ("aa,1,2", ":4: has 3 columns"),
        ("aa,1,2,train,5,6", ":4: has 6 columns, not 4"),
        ("aa,east,2,train", ":4: easting is 'east'"),
        ("../aa,1,2,train", ":4: 'ANU_data_small/streetview/../aa_grdView.jpg' does not lie"),
        ("b-,1,2,train", ":4: duplicate id 'b-'"),
    ],
)
def test_a_bad_line_is_named(images, line, message):
    (images / "ACT_data.csv").write_text(
        f"panoId,easting,northing,set\nb-,1,2,train\nc_,1,2,val\n{line}\n"
    )
    with pytest.raises(DataError) as caught:
        Cvact(root=images).train()
    assert f"ACT_data.csv{message}" in str(caught.value)


def test_a_csv_without_its_header_is_refused(images):
    (images / "ACT_data.csv").write_text("aa,1,2,train\n")
    with pytest.raises(DataError, match=r"ACT_data\.csv:1: has another header line"):
        Cvact(root=images).train()


def test_neither_list_is_an_error_that_names_both(images):
    with pytest.raises(DataError, match=r"ACT_data\.mat: no such file, nor ACT_data\.csv"):
        Cvact(root=images).train()

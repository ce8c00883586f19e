"""DenseUAV: positions by place, heights, semi-positives, SDM, and what can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.evaluate import evaluate_embeddings
from georet.testing import check_dataset
from georet_datasets.readers.denseuav import DenseUav

HEIGHTS = (80, 90, 100)


def put(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 8, 3), value, np.uint8))


def put_place(root: Path, place: str, photos: str, tiles: str) -> None:
    for height in HEIGHTS:
        put(root / photos / place / f"H{height}.JPG", height)
        put(root / tiles / place / f"H{height}.tif", height)
        put(root / tiles / place / f"H{height}_old.tif", height + 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place in ("000000", "000001"):
        put_place(tmp_path, place, "train/drone", "train/satellite")
    put_place(tmp_path, "002256", "test/query_drone", "test/gallery_satellite")
    put_place(tmp_path, "000000", "test/gallery_drone", "test/gallery_satellite")
    lines = [
        f"DenseUAV/{split}/{place}/H{height}.JPG E{lon} N{lat} {height}.0"
        for split, place, lon, lat in (
            ("train", "000000", 120.3870, 30.3240),
            ("train", "000001", 120.3872, 30.3240),
            ("test", "002256", 120.1000, 30.2000),
        )
        for height in HEIGHTS
    ]
    (tmp_path / "Dense_GPS_ALL.txt").write_text("\r\n".join(lines) + "\r\n")
    return tmp_path


def test_the_tree_keeps_the_contract_of_data_sets(root):
    check_dataset(DenseUav(root=root))


def test_photos_are_paired_with_new_and_old_tiles_of_their_height(root):
    pairs = DenseUav(root=root).train()
    assert len(pairs) == 2 * 3 * 2
    named = {(pairs.queries.ids[query], pairs.references.ids[tile]) for query, tile in pairs.pairs}
    assert ("000001/H90.JPG", "000001/H90.tif") in named
    assert ("000001/H90.JPG", "000001/H90_old.tif") in named
    assert ("000001/H90.JPG", "000001/H80.tif") not in named


def test_the_other_tiles_of_a_place_are_semi_positives(root):
    pairs = DenseUav(root=root).train()
    assert pairs.semi_positives is not None
    for (_, tile), others in zip(pairs.pairs, pairs.semi_positives, strict=True):
        places = pairs.references.columns["building"]
        assert sorted([tile, *others]) == np.flatnonzero(places == places[tile]).tolist()


def test_positions_are_latitude_and_longitude_of_the_place(root):
    pairs = DenseUav(root=root).train()
    row = list(pairs.queries.ids).index("000001/H100.JPG")
    assert pairs.queries.latlon is not None
    assert pairs.queries.latlon[row].tolist() == [30.3240, 120.3872]


def test_only_the_chosen_heights_are_read(root):
    data = DenseUav(root=root, heights=[90])
    assert set(data.train().columns["height_m"].tolist()) == {90}
    assert len(data.evaluations()["d2s"].gallery) == 4


def test_places_of_training_are_distractors_and_sdm_is_counted(root):
    d2s = DenseUav(root=root, heights=[90]).evaluations()["d2s"]
    assert list(d2s.gallery.ids) == [
        "000000/H90.tif", "002256/H90.tif", "000000/H90_old.tif", "002256/H90_old.tif",
    ]  # fmt: skip
    assert d2s.positives == [[1, 3]]
    found = evaluate_embeddings(
        np.eye(4)[:1],
        np.array([[0.1, 1, 0, 0], [0.9, 1, 0, 0], [0.5, 1, 0, 0], [0.8, 1, 0, 0]]),
        d2s.positives,
        protocol=d2s.protocol,
        query_latlon=d2s.queries.latlon,
        reference_latlon=d2s.gallery.latlon,
    )
    # Best first: own place twice, then a place 0.3 degrees off: exp(-5e3 * 0.3) is 0.
    assert found["recall@1"] == 100
    assert found["sdm@1"] == pytest.approx(100)
    assert found["sdm@3"] == pytest.approx(100 * (3 + 2 + 0) / 6)


def test_satellite_queries_are_judged_where_there_are_any(root):
    assert list(DenseUav(root=root).evaluations()) == ["d2s"]
    put(root / "test/query_satellite/002256/H80.tif", 1)
    put(root / "test/gallery_drone/002256/H80.JPG", 1)
    sets = DenseUav(root=root).evaluations()
    assert list(sets) == ["d2s", "s2d"]
    ids = list(sets["s2d"].gallery.ids)
    assert [[ids[row] for row in rows] for rows in sets["s2d"].positives] == [["002256/H80.JPG"]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train/000000/H80.JPG 120.38 30.32 80", "ALL.txt:10: .* is not `place/image E"),
        ("train/000000/H80.JPG E120.38 N91 80", "ALL.txt:10: the latitude is 91, not within"),
        ("train/000000/H80.JPG E120.38 Nx 80", "ALL.txt:10: the latitude is 'x', not a number"),
        ("H80.JPG E120.38 N30 80", "is not `place/image E"),
    ],
)
def test_a_bad_line_of_positions_is_named(root, line, message):
    with (root / "Dense_GPS_ALL.txt").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(DataError, match=message):
        DenseUav(root=root).train()


def test_a_place_without_position_is_named(root):
    put_place(root, "000007", "train/drone", "train/satellite")
    with pytest.raises(DataError, match=r"Dense_GPS_ALL.txt: has no position of '000007'"):
        DenseUav(root=root).train()


def test_a_missing_list_is_named_with_the_set(root):
    (root / "Dense_GPS_ALL.txt").unlink()
    with pytest.raises(DataError, match=r"Dense_GPS_ALL.txt: no such file(.|\n)*DenseUAV"):
        DenseUav(root=root).train()


def test_a_photo_without_a_tile_of_its_height_is_named(root):
    for name in ("H90.tif", "H90_old.tif"):
        (root / "train/satellite/000001" / name).unlink()
    with pytest.raises(DataError, match=r"000001.*has no tile for 90 m"):
        DenseUav(root=root).train()


def test_a_photo_named_without_its_height_is_named(root):
    put(root / "train/drone/000001/photo.jpg", 1)
    with pytest.raises(DataError, match=r"photo.jpg.*begin with its height"):
        DenseUav(root=root).train()


def test_counts_are_compared_only_when_all_heights_are_read(root, capsys):
    DenseUav(root=root).train()
    assert "6 photos to train on, 6,762 fewer than the published 6,768" in capsys.readouterr().err
    DenseUav(root=root, heights=[80]).train()
    assert "published" not in capsys.readouterr().err


def test_no_height_at_all_is_refused(root):
    with pytest.raises(ConfigError, match="no height"):
        DenseUav(root=root, heights=[])

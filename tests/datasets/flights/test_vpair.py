"""VPAIR: places in space, pairs by name; a made-up tree of its layout."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import DataError
from georet.ground.wgs84 import surface_points
from georet.testing import check_dataset
from georet_datasets.detect import detect
from georet_datasets.flights.vpair import Vpair

HEADER = "filepath,x,y,z,roll,pitch,yaw\n"


@pytest.fixture
def root(tmp_path, put_photo):
    for folder, name in (("queries", "poses_query.txt"),
                         ("reference_views", "poses_reference_view.txt")):  # fmt: skip
        lines = []
        for number in range(1, 7):
            path = f"{folder}/{number:05d}.png"
            put_photo(tmp_path / path, 100 + 100 * number, 400, half=30)
            point = surface_points([50.6 + 0.001 * number, 7.1])
            x, y, z = point * (1 + 350 / np.linalg.norm(point))
            lines.append(f"{path},{x:.4f},{y:.4f},{z:.4f},0.01,-0.02,1.5\n")
        (tmp_path / name).write_text(HEADER + "".join(lines))
    put_photo(tmp_path / "distractors/D0001.png", 900, 700, half=30)
    return tmp_path


def test_the_tree_keeps_the_contract_of_data_sets(root):
    check_dataset(Vpair(root=root))
    check_dataset(Vpair(root=root, distractors=True))
    assert detect(root)[0] == "vpair"


def test_places_in_space_become_latitude_and_longitude(root):
    pairs = Vpair(root=root).train()
    assert len(pairs) == 3
    assert pairs.queries.latlon[0] == pytest.approx([50.601, 7.1], abs=2e-5)
    assert pairs.queries.columns["yaw"].tolist() == [1.5] * 3


def test_photos_behind_the_first_part_are_judged_among_all_views(root):
    judged = Vpair(root=root, train_share=0.34).evaluations()["vpair"]
    assert (len(judged.queries), len(judged.gallery)) == (4, 6)
    for row, name in enumerate(judged.queries.ids):
        right = judged.gallery.ids[int(judged.positives[row, 0])]
        assert right.rpartition("/")[2] == name.rpartition("/")[2]


def test_distractors_are_in_the_gallery_where_they_are_wanted(root):
    judged = Vpair(root=root, distractors=True).evaluations()["vpair"]
    assert judged.gallery.ids[-1] == "distractors/D0001.png"
    assert judged.gallery.latlon is None


def test_missing_images_are_named_or_left_out(root):
    (root / "queries/00005.png").unlink()
    (root / "reference_views/00002.png").unlink()
    with pytest.raises(DataError, match="the image is missing"):
        Vpair(root=root).train()
    data = Vpair(root=root, missing="skip")
    check_dataset(data)
    assert len(data.train()) + len(data.evaluations()["vpair"].queries) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER, "lists no image"),
        (HEADER + "queries/00001.png,1,2,3,0,0,0\n", "from the Earth's centre"),
        (HEADER + "queries/77777.png,4.0e6,5.0e5,4.9e6,0,0,0\n", "no view has the name"),
        ("name,lat,lon\na.png,1,2\n", "has no column"),
    ],
)
def test_poses_that_are_wrong_are_named(root, text, said):
    (root / "poses_query.txt").write_text(text)
    with pytest.raises(DataError, match=said):
        Vpair(root=root).train()

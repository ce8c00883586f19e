"""GTA-UAV in the layout of its owners: what is paired, judged, placed and refused."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from georet.errors import DataError
from georet.geodesy import distance_m
from georet.testing import check_dataset
from georet_game4loc.gta_uav import GtaUav

TILES = ["4_3_8.png", "4_3_9.png", "6_12_36.png", "6_13_35.png"]


def photo(name, xy, positives, semi, **more):
    lists = {}
    for mode, found in (("pos", positives), ("pos_semipos", positives | semi)):
        lists[f"pair_{mode}_sate_img_list"] = list(found)
        lists[f"pair_{mode}_sate_weight_list"] = list(found.values())
    told = {"height": 301.5, "drone_yaw": -170.0, "drone_pitch": -2.0, "drone_roll": None}
    return {
        "drone_img_dir": "drone/images",
        "drone_img_name": name,
        "drone_loc_x_y": xy,
        "sate_img_dir": "satellite",
        "drone_metadata": told,
        **lists,
        **more,
    }


def written(root, train, test, area="cross"):
    rng = np.random.default_rng(0)
    for folder, names in (
        ("satellite", TILES),
        ("drone/images", [one["drone_img_name"] for one in train + test]),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            cv2.imwrite(str(root / folder / name), image)
    for side, photos in (("train", train), ("test", test)):
        (root / f"{area}-area-drone2sate-{side}.json").write_text(json.dumps(photos))
    return root


TRAIN = [
    photo("300_a.png", [2160.0, 6307.2], {"6_12_36.png": 0.7}, {"4_3_9.png": 0.2}),
    photo("300_b.png", [2332.8, 6134.4], {}, {"6_13_35.png": 0.15}),
]
TEST = [
    photo("300_c.png", [2200.0, 6300.0], {"6_12_36.png": 0.5, "4_3_8.png": 0.4}, {}),
    photo("300_d.png", [2300.0, 6100.0], {}, {"6_13_35.png": 0.2}),
]


def test_the_reader_keeps_the_contract_of_data_sets(tmp_path):
    check_dataset(GtaUav(root=written(tmp_path, TRAIN, TEST)))


def test_each_overlap_is_a_pair_with_its_weight_and_other_tiles_are_semi_positives(tmp_path):
    root = written(tmp_path, TRAIN, TEST)
    table = GtaUav(root=root).train()
    tiles = table.references.ids
    named = [(table.queries.ids[q], tiles[r]) for q, r in table.pairs]
    assert named == [
        ("300_a.png", "6_12_36.png"),
        ("300_a.png", "4_3_9.png"),
        ("300_b.png", "6_13_35.png"),
    ]
    assert table.columns["iou"].tolist() == [0.7, 0.2, 0.15]
    semi = [[tiles[row] for row in rows if row >= 0] for rows in table.semi_positives]
    assert semi == [["4_3_9.png"], ["6_12_36.png"], []]
    assert table.queries.altitude_m.tolist() == [301.5, 301.5]
    assert table.queries.columns["yaw_deg"].tolist() == [-170.0, -170.0]
    assert np.isnan(table.queries.columns["roll_deg"]).all()
    positives = GtaUav(root=root, mode="pos").train()
    assert len(positives) == 1
    assert [tiles[row] for row in positives.semi_positives[0]] == ["4_3_9.png"]


def test_photos_without_a_positive_are_not_judged(tmp_path):
    judged = GtaUav(root=written(tmp_path, TRAIN, TEST)).evaluations()["d2s"]
    assert judged.queries.ids == ["300_c.png"]
    assert [judged.gallery.ids[row] for row in judged.positives[0]] == ["6_12_36.png", "4_3_8.png"]
    assert judged.gallery.ids == TILES


def test_tiles_stand_where_their_owners_say_and_distances_are_metres_of_the_game(tmp_path):
    tiles = GtaUav(root=written(tmp_path, TRAIN, TEST)).tiles
    # From the owners' own lists: 4_3_8 at (2419.2, 5875.2), 6_12_36 at (2160, 6307.2).
    apart = distance_m(tiles.latlon[0], tiles.latlon[2])
    assert apart == pytest.approx(np.hypot(2419.2 - 2160, 5875.2 - 6307.2), rel=1e-5)
    assert tiles.side_m.tolist() == pytest.approx([691.2, 691.2, 172.8, 172.8])
    # Farther down on the map is farther south.
    assert tiles.latlon[1, 0] < tiles.latlon[0, 0]
    photos = GtaUav(root=tmp_path).train().queries
    assert distance_m(photos.latlon[0], tiles.latlon[2]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pair_pos_semipos_sate_weight_list": [0.7]}, "don't fit together"),
        ({"pair_pos_semipos_sate_img_list": ["9_9_9.png", "4_3_8.png"]}, "there is no 9_9_9.png"),
        ({"drone_img_dir": "../elsewhere"}, "does not lie in the data set's folder"),
    ],
)
def test_lists_that_contradict_themselves_are_refused(change, said, tmp_path):
    made = GtaUav(root=written(tmp_path, TRAIN[:1], TEST))
    bad = [{**TRAIN[0], **change}]
    (tmp_path / "cross-area-drone2sate-train.json").write_text(json.dumps(bad))
    with pytest.raises(DataError, match=said):
        made.train()


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cross-area-drone2sate-train\.json"):
        GtaUav(root=tmp_path).train()
    path = tmp_path / "cross-area-drone2sate-train.json"
    path.write_text("[{")
    with pytest.raises(DataError, match="is no JSON"):
        GtaUav(root=tmp_path).train()
    path.write_text('[{"drone_img_name": "a"}]')
    with pytest.raises(DataError, match="entry 0 has not drone_img_dir"):
        GtaUav(root=tmp_path).train()

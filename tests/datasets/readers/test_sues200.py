"""SUES-200: heights, scenes to train on, galleries of all scenes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.testing import check_dataset
from georet_datasets.readers.sues200 import HEIGHTS, Sues200

SCENES = ("0001", "0002", "0008", "0012")


def put(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 8, 3), value, np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Scenes 1 and 2 belong to the owners' list, 8 and 12 don't."""
    for number, scene in enumerate(SCENES):
        put(tmp_path / "satellite-view" / scene / "0.png", number)
        for height in HEIGHTS:
            for photo in range(2):
                put(tmp_path / f"drone_view_512/{scene}/{height}/{photo}.jpg", height % 255)
    return tmp_path


def test_the_tree_keeps_the_contract_of_data_sets(root):
    check_dataset(Sues200(root=root))


def test_photos_of_all_heights_are_paired_with_the_scenes_one_tile(root):
    pairs = Sues200(root=root).train()
    assert list(pairs.references.columns["building"]) == ["0001", "0002"]
    assert len(pairs) == 2 * 2 * 4
    tiles = pairs.references.columns["building"][pairs.pairs[:, 1]]
    assert (tiles == pairs.columns["building"]).all()
    assert sorted(set(pairs.columns["height_m"].tolist())) == [150, 200, 250, 300]
    for height, path in zip(pairs.columns["height_m"], pairs.queries.paths, strict=True):
        assert path.parent.name == f"{height:.0f}"


def test_only_the_chosen_heights_are_read(root):
    data = Sues200(root=root, heights=[300, 150])
    assert set(data.train().columns["height_m"].tolist()) == {300, 150}
    assert list(data.evaluations()) == ["d2s-300", "s2d-300", "d2s-150", "s2d-150"]


def test_each_height_is_judged_in_both_directions_among_all_scenes(root):
    sets = Sues200(root=root).evaluations()
    assert list(sets)[:4] == ["d2s-150", "s2d-150", "d2s-200", "s2d-200"]
    d2s, s2d = sets["d2s-150"], sets["s2d-150"]
    assert [path.parent.parent.name for path in d2s.queries.paths] == ["0008", "0012"] * 2
    assert d2s.positives == [[2], [3], [2], [3]]
    assert len(d2s.gallery) == 4
    assert s2d.positives == [[2, 6], [3, 7]]
    assert (s2d.query_view, s2d.gallery_view) == ("reference", "query")


def test_the_scenes_to_train_on_may_be_listed(root, tmp_path):
    listed = tmp_path / "ids.txt"
    listed.write_text("\ufeff1, 8\r\n12\r\n", encoding="utf-8")
    data = Sues200(root=root, train_ids=listed)
    assert list(data.train().references.columns["building"]) == ["0001", "0008", "0012"]
    assert data.evaluations()["s2d-150"].queries.columns["building"].tolist() == ["0002"]


def test_a_listed_scene_that_is_not_there_is_named(root, tmp_path):
    listed = tmp_path / "ids.txt"
    listed.write_text("1 77")
    with pytest.raises(DataError, match=r"ids.txt: '0077' is no scene"):
        Sues200(root=root, train_ids=listed).train()


def test_a_folder_in_between_is_entered_and_other_spellings_are_read(root, tmp_path):
    (root / "drone_view_512").rename(root / "drone-view")
    inner = tmp_path.with_name("outer") / "SUES-200-512x512"
    inner.parent.mkdir()
    root.rename(inner)
    assert len(Sues200(root=inner.parent).train()) == 16


def test_a_missing_height_is_named_with_the_set(root):
    (root / "drone_view_512/0002/250").rename(root / "elsewhere")
    with pytest.raises(DataError, match=r"0002/250: no such file or folder\n.*SUES-200.*github"):
        Sues200(root=root).train()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"satellite-view: no such file"):
        Sues200(root=tmp_path).train()


def test_counts_are_held_against_the_published_ones(root, capsys):
    data = Sues200(root=root)
    data.train()
    data.evaluations()
    told = capsys.readouterr().err
    assert "2 scenes to train on, 118 fewer than the published 120" in told
    assert "4 drone queries from 150 m, 3,996 fewer than the published 4,000" in told


def test_no_height_at_all_is_refused(root):
    with pytest.raises(ConfigError, match="no height"):
        Sues200(root=root, heights=[])

"""University-1652: its folders, distractors, junk and queries without a match, and its errors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.evaluate import evaluate_embeddings
from georet.evaluate.evaluator import evaluate_sets
from georet.testing import check_dataset
from georet.types import EvaluationSet
from georet_datasets.readers.folders import read_folder
from georet_datasets.readers.left_out import LeftOut
from georet_datasets.readers.university import ORIGIN, University1652

IMAGES = {
    "train/drone": ["0001/image-01", "0001/image-02", "0002/image-01", "0002/image-02"],
    "train/satellite": ["0001/0001", "0002/0002"],
    "train/street": ["0001/s1", "0001/s2"],
    "test/query_drone": ["0003/image-01", "0003/image-02", "0004/image-01", "0009/image-01"],
    "test/gallery_satellite": ["-1/tile", "0003/tile", "0004/tile", "0005/tile"],
    "test/query_satellite": ["0003/tile", "0004/tile"],
    "test/gallery_drone": [
        "-1/image-01", "0003/image-01", "0003/image-02", "0004/image-01", "0005/image-01",
    ],
    "test/query_street": ["0004/s1"],
}  # fmt: skip


def put(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 8, 3), value, np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, names in IMAGES.items():
        for number, name in enumerate(names):
            put(tmp_path / folder / f"{name}.jpg", 20 * number)
    return tmp_path


def embeddings(scores: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors of Q queries and R references whose cosines are ``scores`` [Q][R]."""
    table = np.array(scores)
    num_queries, num = table.shape
    rest = np.sqrt(1 - (table**2).sum(axis=0))
    reference = np.concatenate([table, np.diag(rest)]).T
    query = np.eye(num_queries, num_queries + num)
    return query.astype(np.float32), reference.astype(np.float32)


def judge(which: EvaluationSet, scores: list[list[float]]) -> dict[str, float]:
    query, reference = embeddings(scores)
    return evaluate_embeddings(
        query, reference, which.positives, protocol=which.protocol, junk=which.junk
    )


def test_the_tree_keeps_the_contract_of_data_sets(root):
    check_dataset(University1652(root=root))


def test_each_drone_photo_is_paired_with_its_buildings_tile(root):
    pairs = University1652(root=root).train()
    assert list(pairs.queries.ids) == [
        "0001/image-01.jpg", "0002/image-01.jpg", "0001/image-02.jpg", "0002/image-02.jpg",
    ]  # fmt: skip
    assert pairs.pairs.tolist() == [[0, 0], [1, 1], [2, 0], [3, 1]]
    assert pairs.columns["building"].tolist() == ["0001", "0002", "0001", "0002"]
    assert pairs.is_many_to_one


def test_street_photos_travel_as_a_further_view_of_each_pair(root):
    pairs = University1652(root=root, extra_views=["street"]).train()
    assert list(pairs.views) == ["query", "reference", "street"]
    assert pairs.pairs[:, 2].tolist() == [0, -1, 1, -1]


def test_a_buildings_photos_can_be_drawn_anew_at_each_visit(root):
    some = University1652(root=root, extra_views=["street"], draw="extra_views").train()
    assert some.pairs.tolist() == [[0, 0, 0], [1, 1, -1], [2, 0, 1], [3, 1, -1]]
    assert some.alternatives == {"street": [[0, 1], [], [0, 1], []]}
    every = University1652(root=root, extra_views=["street"], draw="all").train()
    assert every.pairs.tolist() == [[0, 0, 0], [1, 1, -1]]
    assert every.columns["building"].tolist() == ["0001", "0002"]
    assert every.alternatives == {"query": [[0, 2], [1, 3]], "street": [[0, 1], []]}


def test_street_photos_can_be_the_queries(root):
    data = University1652(root=root, query_view="street", task="street-satellite")
    assert list(data.train().queries.ids) == ["0001/s1.jpg", "0001/s2.jpg"]
    assert next(iter(data.evaluations())) == "street"


def test_the_task_decides_which_set_comes_first(root):
    assert list(University1652(root=root).evaluations()) == ["d2s", "s2d", "multi", "street"]
    reverse = University1652(root=root, task="satellite-drone").evaluations()
    assert next(iter(reverse)) == "s2d"


def test_drone_to_satellite_by_hand(root):
    d2s = University1652(root=root).evaluations()["d2s"]
    assert d2s.positives == [[1], [2], [], [1]]
    assert d2s.junk is not None
    assert d2s.junk.tolist() == [0]
    found = judge(d2s, [
        [0.6, 0.3, 0.5, 0.1],  # junk aside, second: AP = (1/2 + 0/1)/2 = 1/4
        [0.6, 0.1, 0.4, 0.2],  # junk aside, first: AP = 1
        [0.1, 0.2, 0.3, 0.4],  # building 0009 has no tile: counts as missed
        [0.1, 0.6, 0.2, 0.3],  # first: AP = 1
    ])  # fmt: skip
    assert found["recall@1"] == pytest.approx(50)
    assert found["recall@5"] == pytest.approx(75)
    assert found["ap"] == pytest.approx(100 * (1 / 4 + 1 + 0 + 1) / 4)


def test_satellite_to_drone_by_hand(root):
    s2d = University1652(root=root).evaluations()["s2d"]
    # The gallery by file name, then building: -1/01, 0003/01, 0004/01, 0005/01, 0003/02.
    assert s2d.positives == [[1, 4], [2]]
    found = judge(s2d, [
        [0.6, 0.4, 0.3, 0.5, 0.1],  # at 1 and 3: AP = ((1/2 + 0)/2 + (2/4 + 1/3)/2)/2 = 1/3
        [0.1, 0.2, 0.7, 0.3, 0.4],  # first: AP = 1
    ])  # fmt: skip
    assert found["recall@1"] == pytest.approx(50)
    assert found["recall@5"] == pytest.approx(100)
    assert found["ap"] == pytest.approx(100 * (1 / 3 + 1) / 2)
    assert (s2d.query_view, s2d.gallery_view) == ("reference", "query")


def test_multi_ranks_the_mean_of_a_buildings_photos(root):
    multi = University1652(root=root).evaluations()["multi"]
    query, reference = embeddings([
        [0.1, 0.3, 0.5, 0.1],
        [0.1, 0.1, 0.4, 0.2],
        [0.1, 0.2, 0.3, 0.4],
        [0.1, 0.6, 0.2, 0.3],
    ])  # fmt: skip
    vectors = dict(zip([str(p) for p in multi.queries.paths], query, strict=True))
    vectors |= dict(zip([str(p) for p in multi.gallery.paths], reference, strict=True))

    class FakeEmbedder:
        def table(self, view: str, table: Any, *_: Any, **__: Any) -> np.ndarray:
            return np.array([vectors[str(path)] for path in table.paths])

    sets = {"d2s": University1652(root=root).evaluations()["d2s"], "multi": multi}
    results = evaluate_sets(FakeEmbedder(), sets, top_k=2)  # type: ignore[arg-type]
    # Building 0003: photo 1 alone is wrong, the mean's scores .45 against .35 are right.
    assert results["d2s"].ranking.rank.tolist() == [1, 0, -1, 0]
    assert results["multi"].ranking.rank.tolist() == [0, 0, -1]
    assert results["multi"].metrics["recall@1"] == pytest.approx(100 * 2 / 3)


def test_counts_are_held_against_the_published_ones(root, capsys):
    data = University1652(root=root)
    data.train()
    data.evaluations()
    told = capsys.readouterr().err
    assert "2 buildings to train on, 699 fewer than the published 701" in told
    assert "4 drone queries, 37,851 fewer than the published 37,855" in told
    assert "4 tiles in the gallery" in told
    assert "than the published 51,355" in told


@pytest.mark.parametrize(
    "folder", ["train/drone", "train/satellite", "test/gallery_drone", "test/query_satellite"]
)
def test_a_missing_folder_is_named_with_its_set_and_source(root, folder):
    (root / folder).rename(root / "elsewhere")
    data = University1652(root=root)
    read = data.train if folder.startswith("train") else data.evaluations
    with pytest.raises(DataError) as caught:
        read()
    assert str(root / folder) in str(caught.value)
    assert "University-1652" in str(caught.value)
    assert "github.com/layumi" in str(caught.value)


def test_street_queries_are_asked_for_only_when_they_are_the_task(root):
    (root / "test/query_street").rename(root / "elsewhere")
    assert "street" not in University1652(root=root).evaluations()
    with pytest.raises(DataError, match="query_street"):
        University1652(root=root, task="street-satellite").evaluations()


def test_a_building_whose_tile_is_gone_is_named(root, capsys):
    (root / "train/satellite/0002/0002.jpg").unlink()
    with pytest.raises(DataError, match=r"drone/0002: building '0002' has no tile"):
        University1652(root=root).train()
    assert "train/satellite: folders without an image: 1 (0002)" in capsys.readouterr().err


def test_a_building_without_its_tile_is_named(root):
    (root / "train/satellite/0002").rename(root / "elsewhere")
    with pytest.raises(DataError, match=r"drone/0002: building '0002' has no tile"):
        University1652(root=root).train()


def test_a_second_tile_of_a_building_is_refused(root):
    put(root / "train/satellite/0002/b.jpg", 1)
    with pytest.raises(DataError, match="2 tiles of '0002'"):
        University1652(root=root).train()


def test_files_that_are_no_images_are_passed_over(root):
    (root / "train/drone/0001/Thumbs.db").write_bytes(b"x")
    (root / "train/drone/.DS_Store").write_bytes(b"x")
    (root / "train/drone/readme.txt").write_bytes(b"x")
    assert len(University1652(root=root).train()) == 4


def test_wrong_suffixes_leave_a_folder_without_images(root, capsys):
    path = root / "train/satellite/0001/0001.jpg"
    path.rename(path.with_suffix(".txt"))
    with pytest.raises(DataError, match="has no tile"):
        University1652(root=root).train()
    assert "files that are no images: 1 (0001/0001.txt)" in capsys.readouterr().err


def test_a_link_to_itself_is_no_building(root):
    (root / "train/drone/0003").symlink_to(root / "train/drone/0003")
    assert len(University1652(root=root).train()) == 4


def test_a_file_instead_of_the_root_is_named(root):
    with pytest.raises(DataError, match="no such file or folder"):
        read_folder(root / "train/drone/0001/image-01.jpg", LeftOut(ORIGIN))


def test_a_view_cannot_stand_twice(root):
    with pytest.raises(ConfigError, match="extra_views"):
        University1652(root=root, extra_views=["drone"])


def test_a_name_that_is_not_utf_8_is_named(root):
    name = os.fsdecode(b"caf\xe9.jpg")
    (root / "train/drone/0001/image-01.jpg").rename(root / "train/drone/0001" / name)
    with pytest.raises(DataError, match=r"0001: the name b'caf\\xe9.jpg' .* is not UTF-8"):
        University1652(root=root).train()

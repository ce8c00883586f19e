"""CVUSA: a tree of five pairs, checked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from georet.errors import DataError
from georet_datasets.readers.cvusa import Cvusa

TRAIN, VAL = (3, 1, 5), (2, 4)
POSITIONS = {1: "1,11,1.5,11.5", 2: "2,12,2.5,12.5", 3: "3,13,3.5,13.5", 4: "4,14,4.5,14.5"}


def line(number: int) -> str:
    return (
        f"bingmap/19/{number:07d}.jpg,streetview/panos/{number:07d}.jpg,streetview/a/{number}.png"
    )


@pytest.fixture
def root(tmp_path: Path, save_image) -> Path:
    for number in (*TRAIN, *VAL):
        tile, panorama, _ = line(number).split(",")
        save_image(tmp_path / tile)
        save_image(tmp_path / panorama)
    for folder in ("splits", "split_locations"):
        (tmp_path / folder).mkdir()
    (tmp_path / "splits/train-19zl.csv").write_text("\n".join(map(line, TRAIN)) + "\n")
    (tmp_path / "splits/val-19zl.csv").write_text("\n".join(map(line, VAL)) + "\n")
    positions = [*POSITIONS.values(), "5,15,5.5,15.5"]
    (tmp_path / "split_locations/all.csv").write_text("".join(f"{p},0\n" for p in positions))
    return tmp_path


def test_pairs_keep_the_order_of_the_split(root):
    pairs = Cvusa(root=root).train()
    assert pairs.queries.ids == pairs.references.ids == ["3", "1", "5"]
    assert pairs.pairs.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert pairs.queries.paths[0] == root / "streetview/panos/0000003.jpg"
    assert pairs.references.paths[0] == root / "bingmap/19/0000003.jpg"


def test_row_id_minus_one_is_an_ids_position(root):
    pairs = Cvusa(root=root).train()
    assert pairs.references.latlon.tolist() == [[3, 13], [1, 11], [5, 15]]
    assert pairs.queries.latlon.tolist() == [[3.5, 13.5], [1.5, 11.5], [5.5, 15.5]]


def test_the_validation_split_is_the_evaluation_set(root):
    (name, found), *more = Cvusa(root=root).evaluations().items()
    assert (name, found.protocol, more) == ("val", "cvusa/sample4geo", [])
    assert found.queries.ids == found.gallery.ids == ["2", "4"]
    assert found.positives.tolist() == [[0], [1]]


def test_counts_are_held_against_the_published_ones(root, capsys):
    data = Cvusa(root=root)
    data.train()
    data.train()
    said = capsys.readouterr().err
    assert said.count("35,529 fewer than the published 35,532") == 1


def test_without_positions_there_is_a_warning_and_no_latlon(root, capsys):
    (root / "split_locations/all.csv").unlink()
    pairs = Cvusa(root=root).train()
    assert pairs.queries.latlon is None
    assert pairs.references.latlon is None
    assert "no positions" in capsys.readouterr().err


def test_an_id_beyond_the_positions_is_an_error(root):
    (root / "split_locations/all.csv").write_text("".join(f"{p},0\n" for p in POSITIONS.values()))
    with pytest.raises(DataError, match="id 5 has no row"):
        Cvusa(root=root).train()


def test_missing_images_are_an_error_or_left_out_or_kept(root, capsys):
    (root / "streetview/panos/0000001.jpg").unlink()
    with pytest.raises(DataError, match=r"0000001\.jpg: the image is missing\n.*mvrl"):
        Cvusa(root=root).train()
    assert Cvusa(root=root, missing="skip").train().queries.ids == ["3", "5"]
    assert "1 of 3 pairs for train left out" in capsys.readouterr().err
    assert Cvusa(root=root, missing="keep").train().queries.ids == ["3", "1", "5"]


def test_crlf_and_a_byte_order_mark_change_nothing(root):
    before = Cvusa(root=root).train()
    for path in [*root.glob("splits/*.csv"), root / "split_locations/all.csv"]:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    after = Cvusa(root=root).train()
    assert after.queries.paths == before.queries.paths
    assert after.queries.latlon.tolist() == before.queries.latlon.tolist()

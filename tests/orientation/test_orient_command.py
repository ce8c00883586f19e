from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.cli import main
from georet.errors import DataError
from georet.plugins import load_plugins
from georet.types import ImageTable, PairTable
from georet_orientation.labelling import label, refiner_matcher
from georet_orientation.labels import Label, read_labels, write_labels


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cities")


@pytest.fixture(scope="module")
def written(cache) -> Path:
    out = cache / "headings.csv"
    options = ["--set", "size=mini", "--set", "heading=unknown", "--set", f"cache_dir={cache}"]
    assert main(["data", "orient", str(out), "--dataset", "cityblocks", *options]) == 0
    return out


def test_headings_of_panoramas_are_found_far_better_than_by_chance(written, cache):
    labels = read_labels(written)
    options = {"name": "cityblocks", "size": "mini", "heading": "unknown", "cache_dir": str(cache)}
    pairs = load_plugins(["orientation"]).catalog.create("datasets", options).train()
    assert set(labels) == set(pairs.queries.ids)
    true = dict(zip(pairs.queries.ids, pairs.queries.columns["yaw_rad"], strict=True))
    off = np.array([labels[name].yaw_rad - true[name] for name in labels])
    errors = np.degrees(np.abs((off + np.pi) % (2 * np.pi) - np.pi))
    # By chance 5.6 % would be.
    assert (errors < 10).mean() > 0.4


def test_a_data_set_takes_them_as_columns(written, cache):
    inner = {"name": "cityblocks", "size": "mini", "heading": "unknown", "cache_dir": str(cache)}
    catalog = load_plugins(["orientation"]).catalog
    from georet.contracts.building import BuildContext

    dataset = catalog.create(
        "datasets",
        {"name": "oriented", "inner": inner, "labels": str(written)},
        context=BuildContext(catalog),
    )
    table, labels = dataset.train(), read_labels(written)
    for row in (0, len(table) - 1):
        found = labels[table.queries.ids[table.pairs[row, 0]]]
        assert table.columns["yaw_rad"][row] == found.yaw_rad
        assert table.columns["yaw_weight"][row] == found.weight


def test_a_file_that_is_there_is_kept(written, capsys):
    before = written.read_bytes()
    options = ["--dataset", "cityblocks", "--set", "size=mini"]
    assert main(["data", "orient", str(written), *options]) == 3
    assert "is there already" in capsys.readouterr().err
    assert written.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a,1.0,2.0,3", "wanted 0 to 1"),
        ("a,north,1,3", "not a number"),
        ("a,1,1,1\na,1,1,1", "twice"),
    ],
)
def test_a_label_that_can_t_be_is_told_with_its_line(tmp_path, line, said):
    path = tmp_path / "labels.csv"
    path.write_text(f"id,yaw_rad,yaw_weight,score\n{line}\n")
    with pytest.raises(DataError, match=said) as caught:
        read_labels(path)
    assert "labels.csv:" in str(caught.value)


def test_labels_are_read_as_they_were_written(tmp_path):
    labels = {"a": Label(1.5, 0.25, 3.0), "=b": Label(-0.5, 0.0, 0.0)}
    write_labels(tmp_path / "labels.csv", labels)
    assert read_labels(tmp_path / "labels.csv") == labels


@pytest.mark.parametrize("turn_deg", [0, 70, 200])
def test_a_refiner_finds_headings_against_tiles_that_lie_nowhere(tmp_path, turn_deg):
    """A photo from above is the tile, turned; nobody says where on Earth that is."""
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    tile = cv2.resize(coarse, (640, 640), interpolation=cv2.INTER_CUBIC)
    # What lies in the tile's direction `turn` is up in the photo: the picture turns the other way.
    matrix = cv2.getRotationMatrix2D((319.5, 319.5), turn_deg, 1.0)
    photo = cv2.warpAffine(tile, matrix, (640, 640))[160:480, 160:480]
    for name, image in (("tile", tile), ("photo", photo)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    views = {
        "query": ImageTable(["photo"], [tmp_path / "photo.png"]),
        "reference": ImageTable(["tile"], [tmp_path / "tile.png"]),
    }
    sift = load_plugins(["orientation"]).catalog.create("refiners", {"name": "core:sift"})
    ((name, found),) = label(PairTable(views, np.zeros((1, 2), int)), refiner_matcher(sift, 60.0))
    assert name == "photo"
    assert found.weight > 0.5
    off = np.degrees(found.yaw_rad) - turn_deg
    assert abs((off + 180) % 360 - 180) < 1


def test_the_command_stands_beside_those_of_data(capsys):
    assert main(["data", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "export" in shown
    assert "orient" in shown

"""VIGOR: panoramas that share a tile, tiles without one, semi-positives; checked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.evaluate import metrics_of, rank_embeddings
from georet_datasets.readers.vigor import Vigor

TILES = {
    "NewYork": ["40.70_-74.00", "40.71_-74.00", "40.72_-74.00", "40.73_-74.00"],
    "Chicago": ["41.80_-87.60", "41.81_-87.60", "41.82_-87.60", "41.83_-87.60", "41.84_-87.60"],
}
LABELS = {
    # panorama: rows of the city's tiles, the positive first
    "NewYork": {"a,40.7,-74.001,.jpg": (0, 1), "b.jpg": (0,), "c.jpg": (2, 1, 0)},
    "Chicago": {"d,41.81,-87.6,.jpg": (1, 0, 2, 3), "e,41.8,-87.61,.jpg": (1, 2, 0, 3)},
}


def tile(city: str, row: int) -> str:
    return f"satellite_{TILES[city][row]}.png"


def write_labels(path: Path, city: str, names: list[str], shift: float = 0.0) -> None:
    lines = []
    for name in names:
        cells = [f"{tile(city, row)} {row + shift + 0.5} -{row}" for row in LABELS[city][name]]
        lines.append(" ".join([name, *cells]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path: Path, save_image) -> Path:
    for city, tiles in TILES.items():
        splits, names = tmp_path / "splits" / city, list(LABELS[city])
        write_labels(splits / "pano_label_balanced.txt", city, names)
        write_labels(splits / "same_area_balanced_train.txt", city, names[:1])
        write_labels(splits / "same_area_balanced_test.txt", city, names[1:])
        listed = [tile(city, row) for row in range(len(tiles))]
        (splits / "satellite_list.txt").write_text("\n".join(listed) + "\n")
        for name in listed:
            save_image(tmp_path / "satellite" / city / name)
        for name in names:
            save_image(tmp_path / "ground" / city / name)
    return tmp_path


def cross(root: Path, **options: object) -> Vigor:
    cities = {"train_cities": ["NewYork"], "test_cities": ["Chicago"]}
    return Vigor(root=root, area="cross", **{**cities, **options})


def test_panoramas_that_share_a_tile_share_its_row(root):
    pairs = cross(root).train()
    assert pairs.queries.ids == ["a,40.7,-74.001,.jpg", "b.jpg", "c.jpg"]
    # The fourth tile has neither a panorama nor is it a semi-positive.
    assert pairs.references.ids == [tile("NewYork", row) for row in range(3)]
    assert pairs.pairs.tolist() == [[0, 0], [1, 0], [2, 2]]
    assert pairs.is_many_to_one
    assert pairs.semi_positives.tolist() == [[1, -1], [-1, -1], [1, 0]]


def test_offsets_and_tile_centres_are_kept(root):
    pairs = cross(root).train()
    offsets = pairs.queries.columns["offset_px"]
    assert offsets[2, :3].tolist() == [[2.5, -2], [1.5, -1], [0.5, 0]]
    assert np.isnan(offsets[2, 3]).all()
    assert pairs.references.latlon.tolist() == [[40.7, -74], [40.71, -74], [40.72, -74]]


def test_panoramas_have_positions_only_if_all_names_tell_them(root):
    data = cross(root)
    assert data.train().queries.latlon is None
    assert data.evaluations()["cross"].queries.latlon.tolist() == [[41.81, -87.6], [41.8, -87.61]]


def test_the_gallery_holds_all_tiles_of_the_test_cities(root):
    ((name, found),) = cross(root).evaluations().items()
    assert (name, found.protocol) == ("cross", "vigor-cross/sample4geo")
    assert found.gallery.ids == [tile("Chicago", row) for row in range(5)]
    assert found.positives.tolist() == [[1, 0, 2, 3], [1, 2, 0, 3]]


def test_semi_positives_count_against_recall_but_not_against_hits(root):
    found = cross(root).evaluations()["cross"]
    gallery = np.eye(5, dtype=np.float32)
    # d finds semi-positive tile 0 above its own; e finds tile 4, which is none of its tiles.
    query = np.array([[0.8, 0.6, 0, 0, 0], [0, 0.6, 0, 0, 0.8]], np.float32)
    ranking = rank_embeddings(
        query,
        gallery,
        found.positives,
        protocol=found.protocol,
        query_latlon=found.queries.latlon,
        reference_latlon=found.gallery.latlon,
    )
    metrics = metrics_of(ranking, found.protocol)
    assert (metrics["recall@1"], metrics["recall@5"], metrics["hit_rate"]) == (0, 100, 50)
    # d's best tile is 0.01 degrees south of it: 1112 m. e's is 0.04 north (4448 m), 0.01 east
    # (829 m): 4524 m.
    assert metrics["median_error_m"] == pytest.approx((1112 + 4524) / 2, abs=1)


def test_the_same_area_trains_and_tests_in_the_same_cities(root):
    data = Vigor(root=root, train_cities=["NewYork", "Chicago"], test_cities=["NewYork", "Chicago"])
    pairs, found = data.train(), data.evaluations()["same"]
    assert pairs.queries.ids == ["a,40.7,-74.001,.jpg", "d,41.81,-87.6,.jpg"]
    assert found.queries.ids == ["b.jpg", "c.jpg", "e,41.8,-87.61,.jpg"]
    assert len(found.gallery) == 9
    assert found.protocol == "vigor-same/sample4geo"
    assert found.positives.tolist()[2] == [5, 6, 4, 7]


def test_corrected_labels_are_read_from_their_folder(root):
    (root / "splits").rename(root / "splits__corrected")
    for city in TILES:
        path = root / "splits__corrected" / city / "pano_label_balanced.txt"
        write_labels(path, city, list(LABELS[city]), shift=10)
    below = cross(root, labels=Path("splits__corrected")).train()
    assert below.queries.columns["offset_px"][2, 0].tolist() == [12.5, -2]
    elsewhere = cross(root, labels=root / "splits__corrected").train()
    assert elsewhere.queries.ids == below.queries.ids


def test_images_may_lie_in_the_folders_of_the_archives(root):
    for ours, theirs in (("ground", "panorama"), ("satellite", "satellite")):
        for city in TILES:
            (root / city).mkdir(exist_ok=True)
            (root / ours / city).rename(root / city / theirs)
    pairs = cross(root).train()
    assert pairs.queries.paths[1] == root / "NewYork/panorama/b.jpg"
    assert all(path.is_file() for path in pairs.references.paths)


def test_a_missing_tile_takes_its_panoramas_with_it(root, capsys):
    (root / "satellite/NewYork" / tile("NewYork", 0)).unlink()
    with pytest.raises(DataError, match="the image is missing"):
        cross(root).train()
    pairs = cross(root, missing="skip").train()
    assert pairs.queries.ids == ["c.jpg"]
    assert pairs.semi_positives.tolist() == [[0, -1]]
    assert "1 of 4 tiles for train left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x.jpg satellite_9_9.png 1 2", "not in satellite_list.txt"),
        ("x.jpg satellite_40.70_-74.00.png 1", "has 3 columns, wanted 4 or 7 or 10 or 13"),
        ("x.jpg satellite_40.70_-74.00.png one 2", "offset is 'one', not a number"),
        ("b.jpg satellite_40.70_-74.00.png 1 2", "duplicate id 'b.jpg'"),
        ("../x.jpg satellite_40.70_-74.00.png 1 2", "does not lie in the data set's folder"),
    ],
)
def test_a_bad_label_is_named_with_its_line(root, line, message):
    path = root / "splits/NewYork/pano_label_balanced.txt"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError) as caught:
        cross(root).train()
    assert message in str(caught.value)
    assert f"{path}:4" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("satellite_40.png", "doesn't tell the tile's centre"),
        ("satellite_91.0_3.0.png", "latitude is 91.0"),
        ("satellite_x_3.0.png", "latitude is 'x', not a number"),
    ],
)
def test_a_tile_without_a_centre_is_named_with_its_line(root, name, message):
    path = root / "splits/Chicago/satellite_list.txt"
    path.write_text(path.read_text() + name + "\n")
    with pytest.raises(DataError) as caught:
        cross(root).evaluations()
    assert message in str(caught.value)
    assert f"{path}:6" in str(caught.value)


def test_cities_that_are_listed_twice_are_refused(root):
    with pytest.raises(ConfigError, match="train_cities"):
        Vigor(root=root, train_cities=["NewYork", "NewYork"])

"""Galleries of georet's data sets and runs as sources of tiles."""

import cv2
import numpy as np
import pytest

from georet.errors import ComponentError, ConfigError, DataError, UsageError
from georet.ground.wgs84 import span_m, square_corners
from georet.plugins import Selection
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling
from georet.types import EvaluationSet, ImageTable


def write_image(path, value=90, size=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size, size, 3), value, np.uint8))


def folder(root, text, files=("a.png", "b.png")):
    for number, name in enumerate(files):
        write_image(root / name, 50 + number)
    (root / "tiles.csv").write_text(text)
    return root


TINY = ["georet.testing.plugin"]


def test_the_gallery_of_a_data_set_is_a_source(tmp_path):
    text = f"dataset:tiny?root={tmp_path}&num_places=6&num_held_out=3&size=40"
    source = open_source(text, Tiling(side_m=(900.0,)), selection=Selection.of(TINY))
    table = source.tiles()
    assert len(table) == 9
    assert set(table.side_m) == {900.0}
    assert source.read(0).shape == (40, 40, 3)
    about = source.describe()
    assert about["set"] == "held-out"
    assert about["dataset"]["num_places"] == 6
    named = f"dataset:tiny:held-out?root={tmp_path}&num_places=6&num_held_out=3&size=40"
    assert (
        open_source(named, Tiling(side_m=(900.0,)), selection=Selection.of(TINY)).tiles().ids
        == table.ids
    )


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("dataset:tiny:held-in?root=ROOT", UsageError, "no set 'held-in'"),
        ("dataset:tine?root=ROOT", ComponentError, "no 'tine' among the datasets"),
        ("dataset:tiny?rot=ROOT", ConfigError, "rot"),
        ("dataset:tiny?root", UsageError, "'root' is not key=value"),
        ("dataset:tiny?root=ROOT&size={", UsageError, "no YAML"),
        ("dataset:tiny?root=ROOT", UsageError, "how large its tiles are"),
        ("run:ROOT", DataError, "no run here"),
        ("run:ROOT/none:set", DataError, "no run here"),
    ],
)
def test_a_data_set_that_is_not_there_says_what_there_is(tmp_path, text, error, said):
    with pytest.raises(error, match=said):
        open_source(text.replace("ROOT", str(tmp_path)), Tiling(), selection=Selection.of(TINY))


def gallery_of(images):
    from georet.config import ComponentSpec
    from georet.sources.datasets import _gallery

    found = EvaluationSet(images, images, np.zeros((len(images), 1), np.int64), "recall")
    return _gallery(ComponentSpec(name="tiny"), "only", found, Tiling(), where="here")


def test_a_data_set_may_tell_the_size_of_its_tiles(tmp_path):
    latlon = np.array([[10.0, 20.0], [11.0, 200.0]])
    sides = {"side_m": np.array([300.0, 500.0])}
    table = gallery_of(ImageTable(["a", "b"], [tmp_path, tmp_path], latlon, sides)).tiles()
    assert table.side_m.tolist() == [300, 500]
    assert table.latlon[1].tolist() == [11, -160]
    with pytest.raises(DataError, match="no positions"):
        gallery_of(ImageTable(["a"], [tmp_path]))


def test_the_gallery_of_a_run_is_that_of_its_data_set(tmp_path):
    run, images = tmp_path / "run", tmp_path / "images"
    run.mkdir()
    (run / "config.yaml").write_text(
        "plugins: [georet.testing.plugin]\nrecipe: none\n"
        f"dataset: {{name: tiny, root: {images}, num_places: 4, num_held_out: 2}}\n"
        "data: {size: {query: [32, 32], reference: [32, 32]}}\n"
        'encoder: {backbone: "georet.testing.plugin:tiny"}\n'
        'losses: ["sample4geo:info_nce"]\nsampler: random\ntrain: {epochs: 1, batch_size: 4}\n'
    )
    plugins = ["sample4geo", *TINY]
    for text in (f"run:{run}", f"run:{run}:held-out"):
        source = open_source(text, Tiling(side_m=(800.0,)), selection=Selection.of(plugins))
        assert len(source.tiles()) == 6
        assert source.describe()["dataset"]["num_places"] == 4
    with pytest.raises(UsageError, match="no set 'x'"):
        open_source(f"run:{run}:x", Tiling(side_m=(800.0,)), selection=Selection.of(plugins))


def test_orbitview_tells_that_its_tiles_have_420_km(tmp_path):
    source = open_source(f"dataset:orbitview?size=mini&px=16&cache_dir={tmp_path}", Tiling())
    table = source.tiles()
    assert set(table.side_m) == {420_000.0}
    across = span_m(table.corners_latlon[:, 0], table.corners_latlon[:, 2])
    assert across == pytest.approx(np.full(len(table), 420_000 * 2**0.5), rel=0.005)


def test_the_tiles_of_a_data_set_may_be_turned_and_may_have_footprints(tmp_path):
    latlon, names = np.array([[10.0, 20.0], [11.0, 200.0]]), ["a", "b"]
    told = np.full((2, 4, 2), np.nan)
    told[1] = square_corners(latlon[1:], np.array([500.0]), np.array([45.0]))[0]
    sides = np.array([300.0, np.nan])
    images = ImageTable(names, [tmp_path] * 2, latlon, corners_latlon=told, side_m=sides)
    table = gallery_of(images).tiles()
    assert table.side_m == pytest.approx([300, 500])
    assert table.latlon[1].tolist() == [11, -160]
    # The top of the second points north-east, and it lies in one piece around its centre.
    top, bottom = table.corners_latlon[1, :2].mean(axis=0), table.corners_latlon[1, 2:].mean(axis=0)
    assert (top > bottom).all()
    assert table.corners_latlon[1].mean(axis=0) == pytest.approx([11, -160], abs=1e-6)
    lacking = ImageTable(names, [tmp_path] * 2, latlon, side_m=sides)
    with pytest.raises(UsageError, match="how large its tiles are on the ground: 'b'"):
        gallery_of(lacking)

"""A data set written in a layout and read back is the same one: same pixels, order and metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from georet.data.images import read_image
from georet.errors import DataError, UsageError
from georet.plugins import load_plugins
from georet.testing.tiny import TinyDataset
from georet.types import PairTable
from georet_datasets.readers.cvact import Cvact
from georet_datasets.readers.cvusa import Cvusa
from georet_datasets.readers.vigor import Vigor
from georet_datasets.writers.export import export_dataset
from georet_orbitview.dataset import OrbitView

pytest_plugins = ["georet.testing.fixtures"]

READERS = {"cvusa": Cvusa, "cvact": Cvact, "vigor": Vigor}
CASES = {
    "cvusa": ("cvusa", 1, "cross", {}, "val"),
    "cvact": ("cvact", 1, "cross", {}, "val"),
    "vigor cross": ("vigor", 2, "cross", {"area": "cross"}, "cross"),
    "vigor same": ("vigor", 2, "same-dense", {"area": "same"}, "same"),
}
"""Layout, photos a place, OrbitView's evaluation set, the reader's options and its set."""


@pytest.fixture(scope="session")
def orbitview_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("orbitview")


def orbitview(cache_dir: Path, train_renders: int) -> OrbitView:
    return OrbitView(size="mini", px=48, train_renders=train_renders, cache_dir=cache_dir)


def is_same_image(a: Path, b: Path) -> bool:
    return np.array_equal(read_image(a), read_image(b))


def same_pairs(found: PairTable, wanted: PairTable) -> bool:
    return np.array_equal(found.pairs, wanted.pairs) and all(
        len(table) == len(wanted.views[view])
        and all(map(is_same_image, table.paths, wanted.views[view].paths))
        for view, table in found.views.items()
    )


@pytest.mark.parametrize("case", CASES)
def test_pixels_order_and_positions_survive(case, orbitview_dir, tmp_path):
    layout, renders, name, options, back = CASES[case]
    data, root = orbitview(orbitview_dir, renders), tmp_path / "tree"
    export_dataset(data, layout, root, about={}, evaluations=[name])
    read = READERS[layout](root=root, **options)
    assert same_pairs(read.train(), data.train())
    wanted, found = data.evaluations()[name], read.evaluations()[back]
    assert found.positives[:, :1].tolist() == wanted.positives.tolist()
    assert all(map(is_same_image, found.queries.paths, wanted.queries.paths))
    assert len(found.gallery) == len(wanted.gallery)
    assert all(map(is_same_image, found.gallery.paths, wanted.gallery.paths))
    np.testing.assert_array_equal(found.gallery.latlon, wanted.gallery.latlon)
    # CVACT has one position a pair: the tile's.
    side = wanted.gallery.latlon if layout == "cvact" else wanted.queries.latlon
    np.testing.assert_array_equal(found.queries.latlon, side)


def settings(path: Path, dataset: dict[str, object], evaluation: str) -> Path:
    config = {
        "device": "cpu",
        "dataset": dataset,
        "data": {
            "size": {"query": [32, 32], "reference": [32, 32]},
            "joint": ["flip"],
            "augment": {"query": ["colour_jitter"]},
        },
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": [{"name": "info_nce"}],
        "sampler": {"name": "sample4geo", "select": 2, "pool": 8, "mine_every": 1},
        "train": {"epochs": 2, "batch_size": 16, "warmup_epochs": 0, "lr": 3e-3},
        "evaluate": {"during": [evaluation], "final": [evaluation]},
    }
    path.write_text(yaml.safe_dump(config))
    return path


def metrics(runner, config: Path, run_dir: Path, evaluation: str) -> dict[str, float]:
    plugins = "sample4geo,georet.testing.plugin"
    call = ["train", "--plugins", plugins, "--recipe", "none", "--config", config]
    outcome = runner(*call, "--out", run_dir)
    assert outcome.exit_code == 0, outcome.stderr
    judged = runner("eval", run_dir, "--only", evaluation, "--json", "--plugins", plugins)
    assert judged.exit_code == 0, judged.stderr
    return json.loads(judged.stdout)[0]["metrics"]


@pytest.mark.parametrize("case", CASES)
def test_training_on_the_tree_gives_the_metrics_of_the_data_set(
    case, orbitview_dir, tmp_path, runner
):
    layout, renders, name, options, back = CASES[case]
    given = {"size": "mini", "px": 48, "train_renders": renders, "cache_dir": str(orbitview_dir)}
    sets = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    tree = tmp_path / "tree"
    outcome = runner("data", "export", "--layout", layout, tree, "--evaluation", name, *sets)
    assert outcome.exit_code == 0, outcome.stderr
    direct = settings(tmp_path / "direct.yaml", {"name": "orbitview", **given}, name)
    wanted = metrics(runner, direct, tmp_path / "direct", name)
    reader = {"name": layout, "root": str(tree), **options}
    exported = settings(tmp_path / "exported.yaml", reader, back)
    found = metrics(runner, exported, tmp_path / "exported", back)
    shared = {"recall@1", "recall@5", "recall@10", "recall@1%"}
    if layout != "cvact":
        shared |= {"median_error_m", "p90_error_m"}
    assert 0 < wanted["recall@10"] < 100
    for key in shared:
        assert found[key] == pytest.approx(wanted[key], abs=1e-6), key


def test_cvact_keeps_positions_that_lie_in_one_utm_zone(tmp_path, capsys):
    data = TinyDataset(root=tmp_path / "images", num_places=4, num_held_out=2)
    kept = data.evaluations()["held-out"]
    rows = np.arange(4, 6)
    export_dataset(
        _Fixed(data.train(), {"main": _matched(kept, rows)}), "cvact", tmp_path / "t", about={}
    )
    said = capsys.readouterr().err
    assert "UTM zone 32N" in said
    read = Cvact(root=tmp_path / "t", zone="32N")
    np.testing.assert_allclose(
        read.train().references.latlon, data.train().references.latlon, atol=1e-9
    )
    assert read.train().references.columns["easting_m"].min() > 300_000


class _Fixed:
    """A data set of given tables."""

    def __init__(self, pairs, sets):
        self._pairs, self._sets = pairs, sets

    def train(self):
        return self._pairs

    def evaluations(self):
        return self._sets


def _matched(which, rows):
    return replace(which, gallery=which.gallery.take(rows), positives=np.arange(len(rows))[:, None])


def test_vigor_keeps_semi_positives_and_offsets(tmp_path, orbitview_dir):
    data = orbitview(orbitview_dir, 2)
    pairs, which = data.train(), data.evaluations()["cross"]
    num, num_tiles = len(pairs), len(pairs.references)
    semi = (pairs.pairs[:, 1:2] + [1, 2, 3]) % num_tiles
    semi[5, 1:] = -1
    offsets = np.arange(num * 8, dtype=np.float64).reshape(num, 4, 2)
    queries = replace(pairs.queries, columns={"offset_px": offsets})
    pairs = replace(pairs, views={**pairs.views, "query": queries}, semi_positives=semi)
    export_dataset(_Fixed(pairs, {"main": which}), "vigor", tmp_path / "t", about={})
    found = Vigor(root=tmp_path / "t", area="cross").train()
    assert same_pairs(found, pairs)
    assert found.semi_positives.tolist() == semi.tolist()
    np.testing.assert_array_equal(found.queries.columns["offset_px"][6], offsets[6])
    assert np.isnan(found.queries.columns["offset_px"][5, 2:]).all()


@pytest.mark.parametrize("layout", ["cvusa", "cvact"])
def test_a_layout_that_is_one_to_one_refuses_what_is_not(layout, orbitview_dir, tmp_path, runner):
    given = ["--set", "size=mini", "--set", "px=48", "--set", f"cache_dir={orbitview_dir}"]
    call = ["data", "export", "--layout", layout, tmp_path / "tree", *given]
    shared = runner(*call, "--set", "train_renders=2")
    assert shared.exit_code == 3
    assert f"belongs to 2 pairs; layout {layout} is 1:1" in shared.stderr
    more = runner(*call, "--set", "train_renders=1", "--evaluation", "cross-world")
    assert more.exit_code == 3
    assert "references have no query" in more.stderr
    assert not (tmp_path / "tree").exists()


def test_a_folder_that_holds_something_is_left_alone(orbitview_dir, tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(DataError, match="is there already"):
        export_dataset(orbitview(orbitview_dir, 1), "cvusa", tmp_path, about={})
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_export_that_was_cut_short_is_gone_on_with(orbitview_dir, tmp_path, monkeypatch):
    import georet_datasets.writers.cvusa as module

    data, out, copies = orbitview(orbitview_dir, 1), tmp_path / "tree", []
    whole = module.copy_images

    def cut(found):
        whole(found[:7])
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "copy_images", cut)
    with pytest.raises(KeyboardInterrupt):
        export_dataset(data, "cvusa", out, about={"seed": 1})
    assert not out.exists()
    partial = tmp_path / ".tree.partial"
    kept = {path: path.stat().st_mtime_ns for path in partial.rglob("*.jpg")}
    assert len(kept) == 7

    def go_on(found):
        copies.extend(found)
        whole(found)
        assert {path: path.stat().st_mtime_ns for path in kept} == kept

    monkeypatch.setattr(module, "copy_images", go_on)
    export_dataset(data, "cvusa", out, about={"seed": 1})
    assert len(copies) == len(list(out.rglob("*.jpg")))
    assert not partial.exists()


def test_what_a_cut_export_of_other_data_left_is_thrown_away(orbitview_dir, tmp_path):
    left = tmp_path / ".tree.partial/bingmap/19/9999999.jpg"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"old")
    export_dataset(orbitview(orbitview_dir, 1), "cvusa", tmp_path / "tree", about={})
    assert not (tmp_path / "tree/bingmap/19/9999999.jpg").exists()


def test_an_unknown_layout_is_named_with_the_nearest(runner, tmp_path):
    outcome = runner("data", "export", "--layout", "vigour", tmp_path / "x", "--set", "size=mini")
    assert outcome.exit_code == 2
    assert "vigor" in outcome.stderr


def test_the_readers_are_found_by_name():
    names = load_plugins(["sample4geo"]).catalog.names("datasets")
    assert {"cvusa", "cvact", "vigor"} <= set(names)


def test_cvact_takes_a_second_evaluation_set_as_its_test_set(orbitview_dir, tmp_path):
    data = orbitview(orbitview_dir, 1)
    names = ["cross", "same"]
    export_dataset(data, "cvact", tmp_path / "two", about={}, evaluations=names)
    found = Cvact(root=tmp_path / "two").evaluations()
    assert list(found) == ["val", "test", "test-geo5m"]
    wanted = data.evaluations()["same"]
    assert found["test"].queries.ids == list(wanted.queries.ids)
    assert all(map(is_same_image, found["test"].gallery.paths, wanted.gallery.paths))
    with pytest.raises(UsageError, match="2 sets named, layout cvusa holds 1"):
        export_dataset(data, "cvusa", tmp_path / "one", about={}, evaluations=names)

"""The data set `ortho`: rendered from a map at its first use, read at the next."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.geodesy import distance_m
from georet.plugins import Selection
from georet_ortho.adapting.judging import lies_in
from georet_ortho.dataset import Ortho

from .conftest import SIDE_M

OPTIONS = {"side": f"{SIDE_M:g}m", "pairs": 48, "judged": 12, "px": 48}


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("ortho")


@pytest.fixture(scope="module")
def dataset(area_tif, cache) -> Ortho:
    return Ortho(source=str(area_tif), cache_dir=cache, **OPTIONS)


def test_a_pair_is_a_photo_and_a_tile_that_shows_its_place(dataset):
    pairs = dataset.train()
    assert len(pairs) == 48
    for table in (pairs.queries, pairs.references):
        assert cv2.imread(str(table.paths[-1])).shape == (48, 48, 3)
    away = distance_m(pairs.queries.latlon, pairs.references.latlon)
    assert 0 < away.max() < SIDE_M / 2


def test_training_keeps_clear_of_the_ground_held_out(dataset):
    sets = dataset.evaluations()
    train, held = dataset.train().queries.latlon, sets["held"].queries.latlon
    assert dataset.blocks.is_held(held).all()
    assert distance_m(train[:, None], held[None]).min() > SIDE_M


def test_right_are_the_tiles_on_which_a_photo_looks(dataset):
    sets = dataset.evaluations()
    assert list(sets) == ["held", "new", "camera", "look"]
    for each in sets.values():
        assert len(each.queries) == 12
        assert len(each.gallery) == len(dataset.area.tiles)
        corners = each.gallery.corners_latlon
        for latlon, rows in zip(each.queries.latlon, each.positives, strict=True):
            inside = lies_in(np.repeat(latlon[None], len(corners), axis=0), corners)
            assert set(rows) == set(np.flatnonzero(inside).tolist())
            assert rows


def test_it_is_rendered_once_and_again_for_another_question(area_tif, dataset, cache):
    dataset.train()
    photo = dataset.train().queries.paths[0]
    before = photo.stat().st_mtime_ns
    again = Ortho(source=str(area_tif), cache_dir=cache, **OPTIONS)
    assert again.train().queries.paths == dataset.train().queries.paths
    assert photo.stat().st_mtime_ns == before
    other = Ortho(source=str(area_tif), cache_dir=cache, **{**OPTIONS, "seed": 1})
    assert other.folder != dataset.folder


def test_real_photos_are_one_more_set(area_tif, dataset, cache, tmp_path):
    shown = dataset.evaluations()["new"].queries
    lines = [
        f"{path},{lat},{lon}"
        for path, (lat, lon) in zip(shown.paths, shown.latlon.tolist(), strict=True)
    ]
    (tmp_path / "known.csv").write_text("photo,lat,lon\n" + "\n".join(lines[:5]) + "\n")
    with_real = Ortho(
        source=str(area_tif), cache_dir=cache, photos=str(tmp_path / "known.csv"), **OPTIONS
    )
    real = with_real.evaluations()["real"]
    assert len(real.queries) == 5
    assert all(real.positives)


@pytest.mark.parametrize(
    ("change", "word"),
    [({"pairs": 0}, "pairs is 0"), ({"camera": "obliqe"}, "obliqe"), ({"px": 3}, "px is 3")],
)
def test_options_that_can_not_be_are_refused(area_tif, change, word):
    with pytest.raises(ConfigError, match=word):
        Ortho(source=str(area_tif), **{**OPTIONS, **change})


def test_a_map_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.tif"):
        Ortho(source=str(tmp_path / "none.tif"), **OPTIONS).train()


def test_its_recipe_trains_on_a_map(area_tif, cache, tmp_path):
    from georet.commands.training import start_run

    path = tmp_path / "mine.yaml"
    path.write_text(
        f"dataset: {{source: {area_tif}, side: 40m, pairs: 48, judged: 12, px: 48,"
        f" cache_dir: {cache}}}\n"
        "data: {size: {query: [48, 48], reference: [48, 48]}}\n"
        'encoder: {backbone: "georet.testing.plugin:tiny"}\n'
        "train: {epochs: 1, batch_size: 16}\n"
    )
    plugins = ["sample4geo", "ortho", "georet.testing.plugin"]
    run = start_run(
        selection=Selection.of(plugins), recipe="ortho/own-map", path=path, out=tmp_path / "run"
    )
    events = (run / "events.jsonl").read_text().splitlines()
    sets = {json.loads(line).get("set") for line in events}
    assert sets >= {"held", "new", "camera", "look"}, events

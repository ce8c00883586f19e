"""What a resume may change of what was begun, and what not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from georet.config import RunConfig
from georet.errors import ConfigError, DataError
from georet.train.begun import begun, check_begun
from georet.types import ImageTable, PairTable

CONFIG = RunConfig.model_validate(
    {
        "dataset": {"name": "tiny"},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}},
        "encoder": {"backbone": {"name": "tiny"}},
        "losses": [{"name": "info_nce"}],
        "sampler": {"name": "random"},
    }
)


def table(name, tmp_path, num=6):
    ids = [f"{name}-{i}" for i in range(num)]
    latlon = np.stack([np.linspace(1, 2, num), np.linspace(3, 4, num)], axis=1)
    return ImageTable(ids, [tmp_path / i for i in ids], latlon, name=name)


@pytest.fixture
def pairs(tmp_path):
    rows = np.arange(6)
    views = {view: table(view, tmp_path) for view in ("query", "reference")}
    return PairTable(views, np.stack([rows, rows], axis=1))


def recorded(config, pairs):
    return json.loads(json.dumps(begun(config, pairs)))


def changed(**sections):
    return CONFIG.model_copy(
        update={k: getattr(CONFIG, k).model_copy(update=v) for k, v in sections.items()}
    )


def test_nothing_changed_tells_nothing(pairs):
    assert check_begun(recorded(CONFIG, pairs), CONFIG, pairs) == []


def test_a_checkpoint_that_remembers_nothing_is_taken(pairs):
    assert check_begun(None, CONFIG, pairs) == []


@pytest.mark.parametrize(
    ("section", "values", "key"),
    [
        ("data", {"workers": 3}, "data.workers"),
        ("train", {"checkpoint_every": 7}, "train.checkpoint_every"),
        ("evaluate", {"every": 5}, "evaluate.every"),
    ],
)
def test_what_does_not_decide_the_training_is_told(section, values, key, pairs):
    (line,) = check_begun(recorded(CONFIG, pairs), changed(**{section: values}), pairs)
    assert line.startswith(key)


@pytest.mark.parametrize(
    ("section", "values", "key"),
    [
        ("train", {"lr": 0.5}, "train.lr"),
        ("train", {"epochs": 99}, "train.epochs"),
        ("train", {"batch_size": 2}, "train.batch_size"),
    ],
)
def test_what_decides_the_training_is_refused_with_its_key(section, values, key, pairs):
    with pytest.raises(ConfigError, match=f"{key} was .*, and is {next(iter(values.values()))}"):
        check_begun(recorded(CONFIG, pairs), changed(**{section: values}), pairs)


def test_a_key_that_a_run_did_not_know_yet_had_its_default(pairs):
    before = recorded(CONFIG, pairs)
    del before["config"]["data"]["aux_views"]
    del before["config"]["data"]["size_schedule"]
    assert check_begun(before, CONFIG, pairs) == []
    with pytest.raises(ConfigError, match=r"data.aux_views was \[\], and is \['winter'\]"):
        check_begun(before, changed(data={"aux_views": ["winter"]}), pairs)


def test_other_alternatives_are_refused(pairs):
    before = recorded(CONFIG, pairs)
    drawn = replace(pairs, alternatives={"query": [[i, 0] for i in range(len(pairs))]})
    with pytest.raises(DataError, match="hash was"):
        check_begun(before, CONFIG, drawn)
    padded = replace(drawn, alternatives={"query": np.array(drawn.alternatives["query"])})
    assert check_begun(recorded(CONFIG, drawn), CONFIG, padded) == []


def test_other_columns_of_images_are_refused(pairs):
    headings = np.array([0.0, 10, 20, 30, 40, np.nan])
    codes = np.array(["a", "b", "c", "d", "e", "\udcff"], object)

    def with_columns(**columns):
        views = {**pairs.views, "query": replace(pairs.queries, columns=columns)}
        return replace(pairs, views=views)

    was = with_columns(heading_deg=headings, code=codes)
    before = recorded(CONFIG, was)
    narrow = with_columns(code=codes.astype("U"), heading_deg=headings.astype(np.float32))
    assert check_begun(before, CONFIG, narrow) == []
    for other in (
        with_columns(heading_deg=headings + 1, code=codes),
        with_columns(heading_deg=headings, code=codes[::-1]),
        with_columns(heading_deg=headings),
        with_columns(altitude_m=headings, code=codes),
        replace(was, columns={"yaw": np.zeros(6)}),
    ):
        with pytest.raises(DataError, match=r"not what the run was begun with: (columns|hash) was"):
            check_begun(before, CONFIG, other)


def test_what_a_checkpoint_of_before_did_not_remember_is_not_held_against_it(pairs):
    before = recorded(CONFIG, pairs)
    del before["data"]["columns"]
    later = replace(pairs.queries, heading_deg=np.zeros(6))
    assert check_begun(before, CONFIG, replace(pairs, views={**pairs.views, "query": later})) == []


def test_other_pairs_are_refused(pairs, tmp_path):
    before = recorded(CONFIG, pairs)
    fewer = replace(pairs, pairs=pairs.pairs[:5])
    with pytest.raises(DataError, match="pairs was 6, and is 5"):
        check_begun(before, CONFIG, fewer)
    swapped = replace(pairs, pairs=pairs.pairs[:, ::-1][::-1].copy())
    with pytest.raises(DataError, match="hash was"):
        check_begun(before, CONFIG, swapped)
    moved = table("reference", tmp_path)
    moved.latlon[0] = (9, 9)
    with pytest.raises(DataError, match="hash was"):
        check_begun(before, CONFIG, replace(pairs, views={**pairs.views, "reference": moved}))

"""ConGeo: the loss by hand, the doubled data set, a run with both."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
import yaml

from georet.cli import main
from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.errors import ConfigError, DataError
from georet.plugins import load_plugins
from georet.testing import check_dataset, check_loss
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs
from georet.types import PairTable
from georet_congeo.loss import ConGeo

PLUGINS = ["sample4geo", "congeo", "georet.testing.plugin"]
VIEWS = ("query", "reference", "query_b", "reference_b")


def four_views(num=8):
    pairs = made_up_pairs(num)
    views = {view: pairs.views[view.removesuffix("_b")] for view in VIEWS}
    return PairTable(views, np.repeat(np.arange(num)[:, None], 4, axis=1))


def embedded_of(**angles):
    """Unit vectors in the plane: two pairs, an angle for each view of each."""
    pairs = four_views(2)
    features = {
        view: torch.tensor([[math.cos(a), math.sin(a)] for a in angles[view]], dtype=torch.float64)
        for view in VIEWS
    }
    features = {view: vectors.requires_grad_() for view, vectors in features.items()}
    embedded = embedded_batch(features, batch_of(pairs, np.arange(2)))
    embedded.logit_scale = torch.tensor(2.0, dtype=torch.float64)
    return embedded, features


ANGLES = {
    "query": (0.0, 1.0),
    "reference": (0.2, 1.5),
    "query_b": (-0.4, 0.7),
    "reference_b": (0.3, 2.0),
}


def contrast_by_hand(a, b):
    """Symmetric InfoNCE of two pairs of angles, factor 2, without smoothing."""
    s = [[2 * math.cos(x - y) for y in b] for x in a]
    rows = [math.log(1 + math.exp(s[i][1 - i] - s[i][i])) for i in (0, 1)]
    columns = [math.log(1 + math.exp(s[1 - i][i] - s[i][i])) for i in (0, 1)]
    return (sum(rows) + sum(columns)) / 4


def test_the_loss_is_the_sum_of_four_contrasts_by_hand():
    embedded, _ = embedded_of(**ANGLES)
    q, r, qb, rb = (ANGLES[view] for view in VIEWS)
    by_hand = (
        contrast_by_hand(q, r)
        + contrast_by_hand(q, qb) / 2
        + contrast_by_hand(r, rb) / 2
        + contrast_by_hand(r, qb) / 4
    )
    assert ConGeo(label_smoothing=0.0)(embedded).item() == pytest.approx(by_hand, rel=1e-6)
    alone = ConGeo(label_smoothing=0.0, within_queries=0, within_references=0, across=0)
    assert alone(embedded).item() == pytest.approx(contrast_by_hand(q, r), rel=1e-6)


def test_the_gradient_of_the_loss_is_that_of_finite_differences():
    embedded, features = embedded_of(**ANGLES)
    loss = ConGeo()

    def value(*vectors):
        shown = embedded_batch(dict(zip(VIEWS, vectors, strict=True)), embedded.batch)
        shown.logit_scale = embedded.logit_scale
        return loss(shown)

    assert torch.autograd.gradcheck(value, tuple(features.values()), atol=1e-3, eps=1e-4)


def test_the_loss_keeps_its_contract_and_says_which_view_is_missing():
    made = load_plugins(PLUGINS).catalog.create("losses", ComponentSpec(name="congeo:congeo"))
    check_loss(made, pairs=four_views(), views=VIEWS)
    with pytest.raises(DataError, match="no view 'query_b'"):
        check_loss(ConGeo())


def doubled_of(tmp_path, **options):
    told = BuildContext(load_plugins(PLUGINS).catalog)
    inner = {"name": "tiny", "root": str(tmp_path / "data"), **options}
    spec = ComponentSpec.model_validate({"name": "congeo:doubled", "inner": inner})
    return told.catalog.create("datasets", spec, where="dataset", context=told)


def test_the_doubled_data_set_shows_the_same_files_twice(tmp_path):
    made = doubled_of(tmp_path, num_places=4)
    check_dataset(made)
    table = made.train()
    assert tuple(table.views) == VIEWS
    assert np.array_equal(table.pairs[:, :2], table.pairs[:, 2:])
    assert table.views["query_b"].paths == table.queries.paths


def test_what_was_doubled_can_not_be_doubled_again(tmp_path):
    inner = {"name": "tiny", "root": str(tmp_path / "data"), "num_places": 4}
    twice = {"name": "congeo:doubled", "inner": {"name": "congeo:doubled", "inner": inner}}
    told = BuildContext(load_plugins(PLUGINS).catalog)
    spec = ComponentSpec.model_validate(twice)
    made = told.catalog.create("datasets", spec, where="dataset", context=told)
    with pytest.raises(ConfigError, match="has a view 'query_b' already"):
        made.train()


SETTINGS = """
dataset: {{name: "congeo:doubled", inner: {{name: tiny, root: {root}, num_places: 16}}}}
data:
  size: {{query: [32, 64], reference: [32, 32], query_b: [32, 64], reference_b: [32, 32]}}
  size_schedule: {{query_b: {{first: [32, 12], every: batch, random: true}}}}
  joint: [flip, rotate_roll]
  augment: {{query_b: [{{name: field_of_view, degrees: size}}]}}
encoder: {{backbone: "georet.testing.plugin:tiny"}}
losses: [{{name: "{loss}"}}]
sampler: random
device: cpu
train: {{epochs: 2, batch_size: 8}}
"""


@pytest.mark.parametrize("loss", ["congeo:congeo", "singeo:singeo"])
def test_a_run_with_four_views_and_a_changing_field_trains(loss, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS.format(root=tmp_path / "data", loss=loss))
    plugins = ",".join([*PLUGINS, "singeo"])
    out = tmp_path / "run"
    asked = [
        "train",
        "--config",
        str(path),
        "--recipe",
        "none",
        "--plugins",
        plugins,
        "--out",
        str(out),
    ]
    assert main(asked) == 0
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert sum(event["event"] == "step" for event in events) == 4
    assert yaml.safe_load((out / "config.yaml").read_text())["losses"][0]["name"] == loss


@pytest.mark.parametrize("recipe", ["cityblocks", "cvusa", "cvusa-random", "vigor-same"])
def test_every_recipe_is_valid_by_its_name_alone(recipe):
    assert main(["config", "validate", "--recipe", f"congeo/{recipe}", "--plugins", "congeo"]) == 0

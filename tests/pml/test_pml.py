"""Losses of pytorch-metric-learning by name: what they see, what they refuse, a run with one."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from georet.config import ComponentSpec
from georet.errors import ConfigError, MissingExtraError
from georet.plugins import Selection, load_plugins
from georet.testing import check_loss
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs, random_features
from georet.train.checkpoint import load_checkpoint
from georet.types import QUERY, REFERENCE, PairTable

pytest.importorskip("pytorch_metric_learning")

from georet_pml import library
from georet_pml.loss import MetricLoss

THREE = [
    {"loss": "MultiSimilarityLoss", "miner": "MultiSimilarityMiner"},
    {"loss": "TripletMarginLoss", "options": {"margin": 0.3, "distance": "CosineSimilarity"}},
    {"loss": "ProxyAnchorLoss", "options": {"margin": 0.2}},
]


def created(**options):
    catalog = load_plugins(["pml"]).catalog
    return catalog.create("losses", ComponentSpec(name="pml:loss", **options))


def embedded_of(pairs, embed_dim=8, seed=0):
    rows = np.arange(len(pairs))
    features = {
        view: random_features(len(pairs), embed_dim, seed=seed + at)
        for at, view in enumerate((QUERY, REFERENCE))
    }
    return embedded_batch(features, batch_of(pairs, rows))


@pytest.mark.parametrize("options", THREE, ids=lambda options: options["loss"])
def test_a_loss_by_name_keeps_the_contract_of_losses(options):
    is_proxy = options["loss"] == "ProxyAnchorLoss"
    check_loss(created(**options), rewards_alignment=not is_proxy)


def test_the_value_is_that_of_the_library_on_both_views_with_the_references_as_labels():
    from pytorch_metric_learning import losses

    embedded = embedded_of(made_up_pairs(6))
    rows = torch.from_numpy(embedded.batch.rows[REFERENCE])
    both = torch.cat([embedded.query, embedded.reference])
    expected = losses.NTXentLoss(temperature=0.1)(both, torch.cat([rows, rows]))
    found = created(loss="NTXentLoss", options={"temperature": 0.1})(embedded)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_two_queries_of_one_tile_are_positives_of_each_other():
    table = made_up_pairs(2)
    shared = PairTable(table.views, np.array([[0, 1], [1, 1]]))
    loss = created(
        loss="ContrastiveLoss",
        options={"pos_margin": 0.0, "neg_margin": 0.0, "reducer": "MeanReducer"},
    )
    embedded = embedded_of(shared)
    both = torch.cat([embedded.query, embedded.reference])
    distance = torch.cdist(both, both)[~torch.eye(4, dtype=torch.bool)]
    assert loss(embedded).item() == pytest.approx(distance.mean().item(), rel=1e-4)


def test_a_loss_with_proxies_gets_one_for_each_reference():
    loss = created(loss="ProxyAnchorLoss")
    with pytest.raises(ConfigError, match="num_classes"):
        loss(embedded_of(made_up_pairs(4)))
    table = made_up_pairs(5)
    loss.prepare(8, table)
    (proxies,) = loss.parameters()
    assert proxies.shape == (len(table.references), 8)
    again = created(loss="ProxyAnchorLoss")
    again.prepare(8, table)
    assert torch.equal(proxies, next(again.parameters()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "MultiSimilarLoss"}, "did you mean 'MultiSimilarityLoss'"),
        ({"loss": "torch"}, "no 'torch'"),
        ({"loss": "BaseMetricLossFunction"}, "no 'BaseMetricLossFunction'"),
        ({"loss": "NTXentLoss", "options": {"temp": 1}}, "does not take these options"),
        ({"loss": "NTXentLoss", "miner": "os.system"}, "no 'os.system'"),
        ({"loss": "NTXentLoss", "miner_options": {"epsilon": 1}}, "options of no miner"),
        ({"loss": "NTXentLoss", "options": {"distance": "Euclid"}}, "no 'Euclid'"),
    ],
)
def test_what_the_library_does_not_publish_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        created(**options)


def test_without_the_library_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.losses", None)
    with pytest.raises(MissingExtraError, match=r"georet\[pml\]"):
        library.find("losses", "NTXentLoss", where="loss")


def test_a_loss_without_labels_sees_the_views_side_by_side():
    loss = MetricLoss(loss="VICRegLoss")
    assert torch.isfinite(loss(embedded_of(made_up_pairs(6))))


def test_a_run_trains_with_a_loss_and_a_miner_named_in_its_configuration(tmp_path):
    import yaml

    loss = {
        "name": "pml:loss",
        "loss": "MultiSimilarityLoss",
        "options": {"alpha": 2, "beta": 40, "base": 0.5},
        "miner": "MultiSimilarityMiner",
        "miner_options": {"epsilon": 0.2},
    }
    settings = {
        "recipe": "none",
        "dataset": {"name": "tiny", "root": str(tmp_path / "tiny"), "num_places": 8, "size": 32},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}},
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": [loss, {"name": "pml:loss", "loss": "ProxyAnchorLoss", "weight": 0.1}],
        "sampler": {"name": "random"},
        "train": {"epochs": 2, "batch_size": 4},
    }
    from georet.commands.training import start_run

    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    plugins = ["sample4geo", "georet.testing.plugin"]
    run = start_run(selection=Selection.of(plugins), path=path, out=tmp_path / "run")
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    steps = [event for event in events if event["event"] == "step"]
    assert len(steps) == 4
    assert all(np.isfinite(event["loss"]) for event in steps)
    tensors = load_checkpoint(run).tensors["objective"]
    assert [value.shape[0] for name, value in tensors.items() if "proxies" in name] == [8]

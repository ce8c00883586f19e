"""The example's tests, with georet's kit for plugin authors."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from georet.config import ComponentSpec
from georet.errors import ConfigError
from georet.plugins import load_plugins
from georet.testing import check_loss, check_plugin
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs
from georet.types import EmbeddedBatch, PairTable
from georet_example_triplet.semi_hard import SemiHardTriplet

PLUGIN = "georet_example_triplet"


def embed(query: torch.Tensor, reference: torch.Tensor, table: PairTable) -> EmbeddedBatch:
    """Return a batch of the table's first pairs with these features."""
    rows = np.arange(len(query))
    return embedded_batch({"query": query, "reference": reference}, batch_of(table, rows))


def by_hand(cosines: list[list[float]], margin: float) -> float:
    """Return the loss of one direction, in plain Python."""
    total = 0.0
    for row, values in enumerate(cosines):
        distances = [2 - 2 * value for value in values]
        positive = distances.pop(row)
        farther = [d for d in distances if d > positive]
        negative = min(farther) if farther else max(distances)
        total += max(0.0, positive - negative + margin)
    return total / len(cosines)


def test_the_plugin_keeps_the_contract() -> None:
    plugins = check_plugin(PLUGIN)
    assert "semi_hard_triplet" in plugins.catalog.names("losses")


def test_the_loss_keeps_the_contract() -> None:
    check_loss(SemiHardTriplet(margin=1.0))


@pytest.mark.parametrize("margin", [0.05, 0.2, 1.5])
def test_the_loss_equals_its_definition_in_plain_python(margin: float) -> None:
    generator = torch.Generator().manual_seed(3)
    query, reference = (torch.randn(9, 5, generator=generator) for _ in range(2))
    embedded = embed(query, reference, made_up_pairs(9))
    cosines = embedded.query @ embedded.reference.T
    expected = (by_hand(cosines.tolist(), margin) + by_hand(cosines.T.tolist(), margin)) / 2
    assert SemiHardTriplet(margin=margin)(embedded).item() == pytest.approx(expected, rel=1e-5)


def test_a_negative_nearer_than_the_positive_is_passed_over_for_a_farther_one() -> None:
    angles = torch.tensor([0.5, 0.1, 0.6])
    reference = torch.stack([angles.cos(), angles.sin()], dim=1)
    query = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    loss = SemiHardTriplet(margin=4.0)
    excess = loss._excess(2 - 2 * query @ reference.T, ~torch.eye(3, dtype=torch.bool))
    expected = (2 - 2 * angles[0].cos()) - (2 - 2 * angles[2].cos()) + 4
    assert excess[0].item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_batch_without_negatives_costs_nothing_and_has_a_finite_gradient() -> None:
    query = torch.tensor([[1.0, 0.0]], requires_grad=True)
    value = SemiHardTriplet()(embed(query, torch.tensor([[0.0, 1.0]]), made_up_pairs(1)))
    value.backward()
    assert value.item() == 0
    assert query.grad is not None
    assert torch.isfinite(query.grad).all()


def test_the_share_counts_triplets_inside_the_margin() -> None:
    far = embed(torch.eye(4), torch.eye(4), made_up_pairs(4))
    loss = SemiHardTriplet(margin=0.2)
    assert loss(far).item() == 0
    assert loss.semi_hard_share.item() == 0
    wide = SemiHardTriplet(margin=2.5)
    wide(far)
    assert wide.semi_hard_share.item() == 1


def test_a_margin_of_zero_is_refused_with_the_place_in_the_configuration() -> None:
    catalog = load_plugins([PLUGIN]).catalog
    spec = ComponentSpec.model_validate({"name": "semi_hard_triplet", "margin": 0})
    with pytest.raises(ConfigError, match=r"losses\.0\.margin: 0 does not fit"):
        catalog.check("losses", spec, where="losses.0")


def test_the_observer_writes_the_share_to_the_events() -> None:
    events: list[dict[str, object]] = []
    log = SimpleNamespace(
        write=lambda event, **values: events.append({"event": event, **values}),
        scalars=lambda *_: None,
    )
    objective = torch.nn.ModuleDict({"semi_hard": SemiHardTriplet()})
    plugins = load_plugins([PLUGIN])
    trainer = SimpleNamespace(objective=objective, events=log)
    for step in range(60):
        plugins.observe("georet_step_end", trainer=trainer, step=step, loss=torch.zeros(()))
    assert [event["step"] for event in events] == [0, 50]
    assert json.dumps(events[0]) == '{"event": "semi_hard", "step": 0, "share": 0.0}'

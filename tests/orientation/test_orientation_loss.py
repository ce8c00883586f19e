from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from georet.plugins import load_plugins
from georet.testing import check_loss
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs, random_features
from georet_orientation.labels import followed
from georet_orientation.loss import Orientation

YAW = np.array([0.0, np.pi / 2, np.pi])


def pairs_with(yaw, weight=None):
    columns = {"yaw_rad": np.asarray(yaw)} | ({} if weight is None else {"w": np.asarray(weight)})
    return replace(made_up_pairs(len(yaw)), columns=columns)


def embedded(table, applied=None, dtype=torch.float32):
    features = {
        view: random_features(len(table), 4, seed).to(dtype)
        for seed, view in enumerate(table.views)
    }
    for tensor in features.values():
        tensor.requires_grad_()
    reports = {k: np.asarray(v, np.float32) for k, v in (applied or {}).items()}
    return embedded_batch(features, batch_of(table, np.arange(len(table)), reports)), features


def constant(loss, x, y):
    """Let the loss predict one direction for all."""
    loss.prepare(4, None)
    for parameter in loss.head.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        loss.head[-1].bias.copy_(torch.tensor([x, y]))


def test_the_weighted_mean_of_one_minus_cosine_by_hand():
    # North is predicted for headings of 0, 90, 180 degrees: 0, 1, 2, with weights 1, 1, 1/2.
    loss = Orientation(weight="w")
    constant(loss, 3.0, 0.0)
    given, _ = embedded(pairs_with(YAW, [1, 1, 0.5]))
    assert loss(given).item() == pytest.approx((0 + 1 + 1) / 2.5)
    constant(loss, 0.0, 0.5)  # east
    assert loss(given).item() == pytest.approx((1 + 0 + 0.5) / 2.5)


def test_pairs_without_a_heading_cost_nothing_and_pull_at_nothing():
    loss = Orientation(weight="w")
    loss.prepare(4, None)
    given, features = embedded(pairs_with(YAW, [0, 0, 0]))
    value = loss(given)
    value.backward()
    assert value.item() == 0
    assert all(tensor.grad.abs().sum() == 0 for tensor in features.values())


def test_its_gradient_is_that_of_finite_differences():
    loss = Orientation(hidden=5)
    torch.manual_seed(0)
    loss.prepare(4, None)
    loss.double()
    table = pairs_with([0.3, -1.2, 2.9])
    batch = batch_of(table, np.arange(3))

    def of(query, reference):
        return loss(embedded_batch({"query": query, "reference": reference}, batch))

    drawn = [random_features(3, 4, seed).double().requires_grad_() for seed in (0, 1)]
    # Labels are float32: their rounding is the same in all terms.
    assert torch.autograd.gradcheck(of, drawn, atol=1e-5)


def test_it_keeps_the_contract_and_is_made_by_its_name():
    catalog = load_plugins(["orientation"]).catalog
    loss = catalog.create("losses", {"name": "orientation", "hidden": 8})
    assert loss.requires_columns == ("yaw_rad",)
    check_loss(loss, pairs=pairs_with(np.linspace(0, 6, 8)), rewards_alignment=False)


@pytest.mark.parametrize(
    ("applied", "expected_deg"),
    [
        ({}, [10, 200]),
        ({"flip": [0, 1]}, [10, -200]),
        ({"quarters": [1, 3]}, [10, 200]),  # rotate_roll turns both
        ({"reference.quarters": [1, 2]}, [-80, 20]),
        ({"flip": [1, 1], "reference.quarters": [1, 0]}, [-100, -200]),
        ({"query.turn_rad": [np.pi, 0], "flip": [1, 0]}, [-190, 200]),
        ({"yaw_rad": [0.1, 0.2], "yaw_seen_flip": [1, 1], "flip": [1, 0]}, np.degrees([0.1, 0.2])),
        ({"yaw_rad": [0.1, 0.2], "yaw_seen_flip": [0, 0], "flip": [1, 0]}, np.degrees([-0.1, 0.2])),
    ],
)
def test_labels_follow_what_transforms_report(applied, expected_deg):
    table = pairs_with(np.radians([10, 200]))
    reports = {name: np.asarray(values, np.float32) for name, values in applied.items()}
    found = followed(batch_of(table, np.arange(2), reports), "yaw_rad")
    off = np.degrees(found) - expected_deg
    np.testing.assert_allclose((off + 180) % 360 - 180, 0, atol=1e-4)

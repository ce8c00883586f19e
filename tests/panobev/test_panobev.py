from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from georet.contracts.building import BuildContext
from georet.errors import ConfigError
from georet.plugins import load_plugins
from georet.testing import check_backbone, check_loss
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs, random_features
from georet_sample4geo.info_nce import InfoNCE

CATALOG = load_plugins(["sample4geo", "panobev"]).catalog
SIZES = {"query": (64, 128), "reference": (64, 64)}
CONTEXT = BuildContext(CATALOG, sizes=SIZES, views=tuple(SIZES))
TRUNK = {
    "name": "sample4geo:timm", "model": "tf_efficientnet_lite0", "weights": "none", "stage": 1,
    "pool": "gem", "embed_dim": 8,
}  # fmt: skip


def make(**options):
    spec = {"name": "panobev", "trunk": TRUNK, "height_m": 2.2, "side_m": 40.0, **options}
    return CATALOG.create("backbones", spec, context=CONTEXT)


def test_it_keeps_the_contract_and_exports():
    torch.manual_seed(0)
    check_backbone(make(), SIZES["query"], make=partial(make))


def test_both_streams_weigh_the_same_and_each_sees_its_own_picture():
    torch.manual_seed(0)
    backbone = make().eval()
    panorama, tile = torch.rand(2, 3, 64, 128), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        features = backbone(panorama, view="query")
        halves = features.chunk(2, dim=1)
        torch.testing.assert_close(halves[0].norm(dim=1), torch.ones(2))
        torch.testing.assert_close(halves[1].norm(dim=1), torch.ones(2))
        above = backbone.above(backbone.warp(panorama))
        torch.testing.assert_close(halves[1], torch.nn.functional.normalize(above, dim=1))
        own = backbone(tile, view="reference").chunk(2, dim=1)
        torch.testing.assert_close(
            own[1], torch.nn.functional.normalize(backbone.above(tile), dim=1)
        )
        # The cosine of whole embeddings is the mean of the streams'.
        both = (
            torch.nn.functional.normalize(features, dim=1)
            @ torch.nn.functional.normalize(torch.cat(own, dim=1), dim=1).T
        )
        streams = [a @ b.T for a, b in zip(halves, own, strict=True)]
        torch.testing.assert_close(both, (streams[0] + streams[1]) / 2)


def test_a_part_of_a_panorama_is_refused():
    with pytest.raises(ConfigError, match="bird's-eye view"):
        make()(torch.rand(1, 3, 64, 32), view="query")


def test_the_split_loss_is_the_sum_of_the_losses_of_both_halves():
    table = made_up_pairs(4)
    halves = [[random_features(4, 3, 2 * part + side) for side in (0, 1)] for part in (0, 1)]
    whole = {
        view: torch.cat(
            [torch.nn.functional.normalize(half[side], dim=1) for half in halves], dim=1
        )
        for side, view in enumerate(("query", "reference"))
    }
    batch = batch_of(table, np.arange(4))
    loss = CATALOG.create(
        "losses", {"name": "split", "inner": "sample4geo:info_nce"}, context=CONTEXT
    )
    inner = InfoNCE()
    expected = sum(
        inner(embedded_batch({"query": half[0], "reference": half[1]}, batch)) for half in halves
    )
    torch.testing.assert_close(loss(embedded_batch(whole, batch)), expected)


def test_the_split_loss_by_hand():
    # One pair a batch of two: a stream that is sure and right, and one that knows nothing.
    right, none = torch.eye(2), torch.ones(2, 2) / 2**0.5
    whole = torch.cat([right, none], dim=1)
    table = made_up_pairs(2)
    embedded = embedded_batch({"query": whole, "reference": whole}, batch_of(table, np.arange(2)))
    spec = {"name": "sample4geo:info_nce", "label_smoothing": 0.0}
    loss = CATALOG.create("losses", {"name": "split", "inner": spec}, context=CONTEXT)
    scale = float(embedded.logit_scale)
    expected = np.log1p(np.exp(-scale)) + np.log(2)
    assert loss(embedded).item() == pytest.approx(expected, abs=1e-5)


def test_the_split_losses_gradient_is_that_of_finite_differences():
    loss = CATALOG.create(
        "losses", {"name": "split", "inner": "sample4geo:info_nce"}, context=CONTEXT
    )
    batch = batch_of(made_up_pairs(3), np.arange(3))

    def of(query, reference):
        return loss(embedded_batch({"query": query, "reference": reference}, batch)).double()

    drawn = [random_features(3, 4, seed).double().requires_grad_() for seed in (0, 1)]
    assert torch.autograd.gradcheck(of, drawn, atol=1e-4)


def test_the_split_loss_keeps_the_contract():
    check_loss(CATALOG.create("losses", {"name": "split", "inner": "info_nce"}, context=CONTEXT))


def test_an_embedding_without_equal_parts_is_refused():
    loss = CATALOG.create("losses", {"name": "split", "inner": "info_nce"}, context=CONTEXT)
    with pytest.raises(ConfigError, match="no 2 equal parts"):
        loss.prepare(7, made_up_pairs(2))

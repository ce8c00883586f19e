"""SinGeo: the loss by hand, and a curriculum that narrows fields and turns more tiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from georet.cli import main
from georet.config import ComponentSpec
from georet.contracts.transforming import TransformContext, Visit
from georet.plugins import load_plugins
from georet.testing import check_loss, check_transform
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs
from georet.types import PairTable
from georet_singeo.curriculum import NarrowField, TurnMoreOften, eased
from georet_singeo.loss import SinGeo

VIEWS = ("query", "reference", "query_b", "reference_b")
ANGLES = {
    "query": (0.0, 1.0),
    "reference": (0.2, 1.5),
    "query_b": (-0.4, 0.7),
    "reference_b": (0.3, 2.0),
}


def four_views(num):
    pairs = made_up_pairs(num)
    views = {view: pairs.views[view.removesuffix("_b")] for view in VIEWS}
    return PairTable(views, np.repeat(np.arange(num)[:, None], 4, axis=1))


def planar():
    return {
        view: torch.tensor([[math.cos(a), math.sin(a)] for a in angles], dtype=torch.float64)
        for view, angles in ANGLES.items()
    }


def embedded_of(features):
    embedded = embedded_batch(features, batch_of(four_views(2), np.arange(2)))
    embedded.logit_scale = torch.tensor(2.0, dtype=torch.float64)
    return embedded


def towards(a, b, smoothing=0.0):
    """Cross-entropy of anchors a among candidates b, two pairs of angles, factor 2."""
    total = 0.0
    for i in (0, 1):
        s = [2 * math.cos(a[i] - y) for y in b]
        log_sum = math.log(math.exp(s[0]) + math.exp(s[1]))
        total += log_sum - (1 - smoothing) * s[i] - smoothing * (s[0] + s[1]) / 2
    return total / 2


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_sum_of_six_cross_entropies_by_hand(smoothing):
    g, s, narrow, turned = (ANGLES[view] for view in VIEWS)
    across = towards(narrow, s, smoothing) + towards(g, turned, smoothing)
    across += towards(narrow, turned, smoothing)
    within = towards(narrow, g, smoothing) + towards(turned, s, smoothing)
    by_hand = towards(g, s, smoothing) + across / 4 + within / 2
    found = SinGeo(label_smoothing=smoothing)(embedded_of(planar()))
    assert found.item() == pytest.approx(by_hand, rel=1e-6)


def test_a_symmetric_loss_is_the_mean_of_both_directions():
    g, s = ANGLES["query"], ANGLES["reference"]
    made = SinGeo(across=0, within=0, label_smoothing=0, symmetric=True)
    by_hand = (towards(g, s) + towards(s, g)) / 2
    assert made(embedded_of(planar())).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_gradient_of_the_loss_is_that_of_finite_differences():
    loss = SinGeo()
    vectors = [v.requires_grad_() for v in planar().values()]

    def value(*given):
        return loss(embedded_of(dict(zip(VIEWS, given, strict=True))))

    assert torch.autograd.gradcheck(value, tuple(vectors), atol=1e-3, eps=1e-4)


def test_the_loss_keeps_its_contract():
    made = load_plugins(["singeo"]).catalog.create("losses", ComponentSpec(name="singeo:singeo"))
    check_loss(made, pairs=four_views(8), views=VIEWS)


def test_the_courses_start_and_end_where_they_should_and_bend_either_way():
    for bend in (0.0, 3.0, -3.0):
        ends = [eased(360, 70, x, bend) for x in (0.0, 1.0)]
        assert ends == pytest.approx([360, 70])
    halfway = [eased(0, 1, 0.5, bend) for bend in (-3.0, 0.0, 3.0)]
    assert halfway == sorted(halfway)
    assert halfway[1] == 0.5
    # (1 - exp(-1.5)) / (1 - exp(-3)), and the same from the other end.
    assert halfway[2] == pytest.approx(0.8175745, abs=1e-6)
    assert halfway[0] == pytest.approx(1 - 0.8175745, abs=1e-6)


def context_at(progress):
    sizes = {"query_b": (4, 36), "reference_b": (8, 8)}
    visit = Visit(four_views(2), 0, 0, 0, progress, sizes, sizes, dict.fromkeys(VIEWS, 0))
    return TransformContext(visit, "query_b")


def test_a_field_narrows_with_the_run_and_keeps_what_it_shows():
    panorama = np.arange(1, 37, dtype=np.uint8)[None, :, None].repeat(4, 0).repeat(3, 2)
    for progress, num in ((0.0, 36), (0.5, 22), (1.0, 7)):
        context = context_at(progress)
        shown = NarrowField()(panorama, np.random.default_rng(3), context)
        lit = shown[0, :, 0] > 0
        assert lit.sum() == num
        assert lit[:num].all()
        left = round(context.reported["query_b.turn_rad"] * 36 / (2 * math.pi))
        assert shown[0, :num, 0].tolist() == [(left + i) % 36 + 1 for i in range(num)]
        wanted = math.radians(eased(360, 70, progress))
        assert context.reported["query_b.fov_rad"] == pytest.approx(wanted)


def test_tiles_are_turned_ever_more_often():
    tile = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    rng, made = np.random.default_rng(1), TurnMoreOften()
    shares = []
    for progress in (0.0, 0.5, 1.0):
        turned = [made(tile, rng, context_at(progress)) for _ in range(400)]
        shares.append(np.mean([not np.array_equal(image, tile) for image in turned]))
    assert shares == pytest.approx([0.25, 0.625, 1.0], abs=0.08)
    quarters = {tuple(np.rot90(tile, n).ravel().tolist()) for n in (1, 2, 3)}
    assert {tuple(image.ravel().tolist()) for image in turned} == quarters


@pytest.mark.parametrize(
    ("name", "size"), [("turn_more_often", (32, 32)), ("narrow_field", (32, 64))]
)
def test_the_transforms_keep_their_contract(name, size):
    spec = ComponentSpec(name=f"singeo:{name}")
    made = load_plugins(["singeo"]).catalog.create("transforms", spec)
    check_transform(made, query_size=size)


@pytest.mark.parametrize("recipe", ["cityblocks", "cvusa", "vigor-same"])
def test_every_recipe_is_valid_by_its_name_alone(recipe):
    assert main(["config", "validate", "--recipe", f"singeo/{recipe}", "--plugins", "singeo"]) == 0

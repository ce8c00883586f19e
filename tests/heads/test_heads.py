"""MixVPR, BoQ and SALAD: their contract, cases by hand, Sinkhorn's sums, maps of both families."""

from __future__ import annotations

import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from georet.cli import main
from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.encoder import Branch, Encoder
from georet.errors import ConfigError
from georet.plugins import load_plugins
from georet.testing import check_aggregator, check_backbone
from georet_export.onnx.writer import write_fp32
from georet_heads.boq import BoQ
from georet_heads.mixvpr import MixVPR
from georet_heads.salad import Salad
from georet_heads.sinkhorn import transport

HEADS = {
    "mixvpr": {"name": "heads:mixvpr", "width": 16, "rows": 2, "depth": 2},
    "boq": {"name": "heads:boq", "width": 32, "num_queries": 6, "rows": 3},
    "salad": {
        "name": "heads:salad",
        "num_clusters": 3,
        "width": 8,
        "token_width": 4,
        "hidden": 16,
    },
}
WIDTHS = {"mixvpr": 2 * 16, "boq": 3 * 32, "salad": 4 + 3 * 8}
NETWORKS = {
    "convolutions": {"model": "test_convnext", "stage": 0},
    "transformer": {"model": "test_vit", "stage": 0},
    "transformer with registers": {"model": "test_vit2", "stage": 1},
}
SIZES = {"convolutions": (32, 48), "transformer": (32, 64), "transformer with registers": (48, 64)}


def catalog():
    return load_plugins(["sample4geo", "heads"]).catalog


def backbone_of(network, head, **options):
    torch.manual_seed(0)
    size = SIZES[network]
    told = BuildContext(catalog(), {"query": size, "reference": size}, None, ("query", "reference"))
    spec = {"name": "sample4geo:timm", "weights": "none", "aggregator": HEADS[head]}
    spec = ComponentSpec.model_validate({**spec, **NETWORKS[network], **options})
    return told.catalog.create("backbones", spec, where="encoder.backbone", context=told).eval()


@pytest.mark.parametrize("has_token", [True, False])
@pytest.mark.parametrize("head", HEADS)
def test_a_head_keeps_the_contract_of_aggregators(head, has_token):
    grids = {"query": (3, 5), "reference": (5, 3)} if head == "mixvpr" else None
    made = catalog().create("aggregators", ComponentSpec.model_validate(HEADS[head]))
    check_aggregator(made, grids=grids, has_token=has_token)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_head_stands_behind_maps_of_convolutions_and_of_transformers(network, head):
    backbone = backbone_of(network, head)
    assert backbone.embed_dim == WIDTHS[head]
    made = lambda **bare: backbone_of(network, head, **bare)  # noqa: E731
    check_backbone(backbone, SIZES[network], make=made, exports=False)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("network", ["convolutions", "transformer"])
def test_the_onnx_file_of_a_head_embeds_as_torch_does(network, head, tools, tmp_path):
    encoder = Encoder({"shared": Branch(backbone_of(network, head))}, logit_scale=1.0).eval()
    path = write_fp32(encoder, tools.spec(encoder, SIZES[network]), tmp_path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for batch in (1, 3):
        images = tools.images(batch, SIZES[network])
        (found,) = session.run(None, {"image": images})
        assert found == pytest.approx(tools.torch(encoder, images), abs=2e-6)


def test_mixvpr_by_hand():
    made = MixVPR(depth=1, width=1, rows=1)
    made.prepare(2, {"query": (1, 2)})
    _, first, _, second = made.mixers[0]
    with torch.no_grad():
        for layer in (first, second, made.narrow, made.shorten):
            layer.bias.zero_()
        first.weight.copy_(torch.eye(2))
        second.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
        made.narrow.weight.copy_(torch.tensor([[1.0, 10.0]]))
        made.shorten.weight.copy_(torch.tensor([[1.0, 3.0]]))
        # Channel 0 is (4, 2): normalised (1, -1), after ReLU (1, 0), doubled at place 0 and added:
        # (6, 2). Channel 1, (0, 1): (-1, 1), nothing at place 0: (0, 1). Sums over channels
        # (6, 12), over places 6 + 3 * 12.
        found = made(torch.tensor([[[[4.0, 2.0]], [[0.0, 1.0]]]]))
    assert found.item() == pytest.approx(42, abs=1e-3)


def test_mixvpr_refuses_maps_of_different_numbers_of_places():
    with pytest.raises(ConfigError, match=r"query: 12, reference: 16"):
        MixVPR().prepare(8, {"query": (3, 4), "reference": (4, 4)})
    made = MixVPR()
    made.prepare(8, {"query": (3, 4)})
    with pytest.raises(ConfigError, match="a map of 16 places"):
        made(torch.zeros(1, 8, 4, 4))


def test_a_query_of_boq_answers_with_what_it_attends_to():
    made = BoQ(width=4, num_queries=1, blocks=1, rows=1)
    made.prepare(4, {})
    made.eval()
    block = made.blocks[0]
    tokens = torch.randn(2, 5, 4)
    with torch.no_grad():
        encoded, answers = block(tokens)
        assert torch.allclose(encoded, block.encode(tokens), atol=1e-6)
        # One head: softmax of scaled products of the projected query and the projected tokens.
        attend = block.ask_tokens
        queries, keys, values = attend.in_proj_weight.split(4)
        own = block.ask_each_other(block.queries, block.queries, block.queries)[0]
        query = block.norm_queries(block.queries + own) @ queries.T
        weights = (query @ (encoded @ keys.T).transpose(1, 2) / 2).softmax(dim=2)
        by_hand = block.norm_answers(attend.out_proj(weights @ (encoded @ values.T)))
    assert torch.allclose(answers, by_hand, atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_the_sums_of_a_plan_are_the_masses(scale):
    drawn = torch.Generator().manual_seed(1)
    scores = scale * torch.rand(4, 7, 3, generator=drawn)
    rows, columns = torch.ones(7), torch.tensor([1.0, 1.0, 5.0])
    plan = transport(scores, rows, columns, rounds=3).exp()
    assert torch.isfinite(plan).all()
    assert torch.allclose(plan.sum(dim=1), columns.expand(4, 3), rtol=1e-4)
    if scale == 1:
        exact = transport(scores, rows, columns, rounds=100).exp()
        assert torch.allclose(exact.sum(dim=2), rows.expand(4, 7), atol=1e-4)
        errors = [
            (transport(scores, rows, columns, n).exp().sum(dim=2) - 1).abs().max().item()
            for n in (1, 3, 9)
        ]
        assert errors == sorted(errors, reverse=True)


def test_a_plan_of_two_by_two_is_known_in_closed_form():
    # Equal masses of 1: P = [[p, 1 - p], [1 - p, p]] with (p / (1 - p))^2 = exp of the cross sum.
    scores = torch.tensor([[[2.0, 0.5], [1.0, 1.5]]])
    root = torch.tensor((2.0 + 1.5 - 0.5 - 1.0) / 2).exp()
    p = (root / (1 + root)).item()
    plan = transport(scores, torch.ones(2), torch.ones(2), rounds=60).exp()[0]
    assert plan.flatten().tolist() == pytest.approx([p, 1 - p, 1 - p, p], abs=1e-5)


def test_clusters_of_salad_take_one_place_in_all_and_the_dustbin_the_rest():
    made = Salad(num_clusters=3, width=2, token_width=0, hidden=4)
    made.prepare(5, {"query": (2, 5)})
    shares = made.shares(torch.randn(2, 10, 3))
    assert torch.allclose(shares.sum(dim=2), torch.ones(2, 3), atol=1e-5)
    assert (shares >= 0).all()
    # A place whose scores are far below the dustbin's belongs to no cluster.
    scores = torch.zeros(1, 10, 3)
    scores[0, 0] = -20
    assert made.shares(scores)[0, :, 0].max() < 1e-6


def test_the_parts_of_a_salad_have_equal_length_and_the_mean_stands_for_a_missing_token():
    made = Salad(num_clusters=2, width=3, token_width=4, hidden=8)
    made.prepare(6, {"query": (2, 3)})
    maps = torch.randn(2, 6, 2, 3)
    found = made(maps, None)
    parts = [found[:, :4], found[:, 4:7], found[:, 7:]]
    for part in parts:
        assert part.norm(dim=1).tolist() == pytest.approx([3**-0.5] * 2, abs=1e-5)
    assert torch.equal(found, made(maps, maps.mean(dim=(2, 3))))
    by_token = F.normalize(made.whole(torch.ones(2, 6)), dim=1) / 3**0.5
    assert torch.allclose(made(maps, torch.ones(2, 6))[:, :4], by_token, atol=1e-6)


def test_salad_refuses_maps_smaller_than_its_clusters():
    with pytest.raises(ConfigError, match="9 places for 64 clusters"):
        Salad().prepare(8, {"query": (3, 3)})


@pytest.mark.parametrize(
    "recipe",
    [
        "orbitview-mixvpr",
        "orbitview-boq",
        "orbitview-salad",
        "cv-cities-vigor-cross",
        "cv-cities-university-1652",
    ],
)
def test_every_recipe_is_valid_by_its_name_alone(recipe, capsys):
    assert main(["config", "validate", "--recipe", f"heads/{recipe}", "--plugins", "heads"]) == 0
    assert f"recipe heads/{recipe}" in capsys.readouterr().out

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from georet.config import TrainConfig
from georet.encoder import Branch, Encoder
from georet.errors import ConfigError
from georet.testing.tiny_backbone import TinyBackbone
from georet.train.optim import build_optimizer, set_rate
from georet.train.optimising.depth import layers_below_top
from georet.train.optimising.groups import parameter_groups


class Network(nn.Module):
    embed_dim, mean, std = 4, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Module()
        self.trunk.stem = nn.Linear(2, 2)
        self.trunk.stages = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.head = nn.Linear(2, 4)


def modules(*branches: str) -> nn.ModuleDict:
    made = {name: Branch(Network()) for name in branches or ("shared",)}
    encoder = Encoder(made, logit_scale=1.0)
    return nn.ModuleDict({"encoder": encoder, "objective": nn.ModuleDict({"own": nn.Linear(1, 1)})})


def held(found: nn.ModuleDict, **values: object) -> dict[str, tuple[float, float]]:
    """Return by full name the rate and the decay of each parameter."""
    names = {p: name for name, p in found.named_parameters()}
    groups = parameter_groups(found, TrainConfig.model_validate({"lr": 1.0, **values}))
    return {names[p]: (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}


BACKBONE = "encoder.branches.shared.backbone"


def test_a_pattern_sets_rate_and_decay_and_the_later_of_two_wins():
    rules = [
        {"match": "trunk.*", "lr": 0.5, "weight_decay": 0.2},
        {"match": "trunk.stages.*", "lr_scale": 0.1},
        {"match": "*.bias", "weight_decay": 0.0},
    ]
    found = held(modules(), groups=rules)
    assert found[f"{BACKBONE}.trunk.stem.weight"] == (0.5, 0.2)
    assert found[f"{BACKBONE}.trunk.stages.1.weight"] == (0.05, 0.2)
    assert found[f"{BACKBONE}.trunk.stages.1.bias"] == (0.05, 0.0)
    assert found[f"{BACKBONE}.head.weight"] == (1.0, 0.01)
    assert found["encoder.log_scale"] == (1.0, 0.01)


def test_a_pattern_without_a_star_is_a_name_or_its_beginning_up_to_a_dot():
    found = held(modules(), groups=[{"match": "trunk.st", "lr": 0.5}, {"match": "head"}][1:])
    assert len(found) == 11
    found = held(modules(), groups=[{"match": "trunk.stages.1", "lr": 0.5}])
    assert [n for n, (lr, _) in found.items() if lr == 0.5] == [
        f"{BACKBONE}.trunk.stages.1.{kind}" for kind in ("weight", "bias")
    ]


@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        ("trunk.stage.*", "trunk.stages"),
        ("trunk.st", "trunk.stem"),
        ("hed", "head"),
        ("objektive.*", "objective"),
    ],
)
def test_a_wrong_pattern_is_an_error_that_shows_the_nearest_names(pattern, near):
    with pytest.raises(ConfigError, match="no trained parameter's name fits") as caught:
        held(modules(), groups=[{"match": "head"}, {"match": pattern}])
    assert caught.value.where == "train.groups.1.match"
    assert near in str(caught.value.hint)


def test_a_branch_has_its_own_rate():
    found = held(modules("street", "overhead"), groups=[{"branch": "street", "lr": 0.5}])
    rates = {(name.split(".")[2], lr) for name, (lr, _) in found.items() if ".backbone." in name}
    assert rates == {("street", 0.5), ("overhead", 1.0)}
    with pytest.raises(ConfigError, match="no branch 'stret'") as caught:
        held(modules("street", "overhead"), groups=[{"branch": "stret"}])
    assert "did you mean 'street'" in str(caught.value.hint)


def test_what_is_spared_decay_stays_spared():
    found = held(
        modules(), decay_exclude="bias_and_norm", groups=[{"match": "head", "weight_decay": 0.3}]
    )
    assert found[f"{BACKBONE}.head.weight"][1] == 0.3
    assert found[f"{BACKBONE}.head.bias"][1] == 0.0


def test_rates_fall_from_layer_to_layer_below_the_top():
    found = held(modules(), layer_decay=0.5, lr_scale={"head": 0.1})
    rates = {name.removeprefix(f"{BACKBONE}."): lr for name, (lr, _) in found.items()}
    assert rates["head.weight"] == pytest.approx(0.1)
    assert rates["trunk.stages.1.weight"] == 0.5
    assert rates["trunk.stages.0.bias"] == 0.25
    assert rates["trunk.stem.weight"] == 0.125
    assert rates["encoder.log_scale"] == rates["objective.own.weight"] == 1


def test_today_s_groups_are_as_they_were():
    found = modules()
    optimizer = build_optimizer(found, TrainConfig(lr=1e-3, lr_scale={"trunk": 0.1}))
    assert [(g["lr"], g["weight_decay"]) for g in optimizer.param_groups] == [
        (1e-3, 0.01),
        (1e-3 * 0.1, 0.01),
    ]
    set_rate(optimizer, 0.5)
    assert [g["lr"] for g in optimizer.param_groups] == [5e-4, 1e-3 * 0.1 * 0.5]


def test_the_layers_of_a_timm_network_are_those_that_timm_names():
    class Backbone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32)
            self.head = nn.Linear(192, 8)

    found = layers_below_top(Backbone())
    # The head, twelve blocks, the last one with the norm behind it, and the embedding.
    assert found["head.weight"] == 0
    assert found["trunk.norm.weight"] == found["trunk.blocks.11.mlp.fc1.weight"] == 1
    assert found["trunk.blocks.0.attn.qkv.bias"] == 12
    assert found["trunk.pos_embed"] == found["trunk.patch_embed.proj.weight"] == 13
    assert found["trunk.cls_token"] == 13


def test_the_layers_of_another_backbone_are_cut_at_the_numbers_in_its_names():
    backbone = TinyBackbone()
    found = layers_below_top(backbone)
    assert min(found.values()) == 0
    assert set(found) == {name for name, _ in backbone.named_parameters()}
    assert sorted(set(found.values())) == list(range(len(set(found.values()))))
    assert torch.tensor(list(found.values())).diff().le(0).all()

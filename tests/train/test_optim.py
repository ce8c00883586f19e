from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from georet.config import TrainConfig
from georet.errors import ConfigError
from georet.train.optim import build_optimizer, clip_gradients, set_rate


def modules() -> nn.ModuleDict:
    encoder = nn.Module()
    encoder.branches = nn.ModuleDict({"shared": nn.Module()})
    backbone = nn.ModuleDict({"trunk": nn.Linear(2, 2), "head": nn.Linear(2, 2)})
    encoder.branches["shared"].backbone = backbone
    return nn.ModuleDict({"encoder": encoder, "objective": nn.Linear(1, 1)})


def test_a_prefix_gives_its_parameters_another_rate_which_follows_the_schedule() -> None:
    optimizer = build_optimizer(modules(), TrainConfig(lr=1.0, lr_scale={"trunk": 0.1}))
    assert sorted({g["lr"] for g in optimizer.param_groups}) == [0.1, 1.0]
    set_rate(optimizer, 0.5)
    assert sorted({g["lr"] for g in optimizer.param_groups}) == [0.05, 0.5]


def test_a_prefix_that_fits_no_parameter_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match="trnk") as caught:
        build_optimizer(modules(), TrainConfig(lr_scale={"trnk": 0.1}))
    assert "trunk" in str(caught.value)


def test_biases_and_norms_can_be_spared_weight_decay() -> None:
    optimizer = build_optimizer(modules(), TrainConfig(decay_exclude="bias_and_norm"))
    decays = {p.ndim: g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert decays == {1: 0.0, 2: 0.01}


@pytest.mark.parametrize(
    ("clip", "expected"), [("value", [1.0, 1.0]), ("norm", [0.6, 0.8]), ("none", [3.0, 4.0])]
)
def test_gradients_are_clipped_as_configured_and_their_norm_returned(
    clip: str, expected: list[float]
) -> None:
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    norm = clip_gradients([parameter], TrainConfig.model_validate({"clip": clip, "clip_at": 1.0}))
    assert math.isclose(norm, 5.0)
    assert parameter.grad.tolist() == pytest.approx(expected, rel=1e-5)

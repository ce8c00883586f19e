from __future__ import annotations

import pytest
import torch
from torch import nn

from georet.config import TrainConfig
from georet.errors import ComponentError, ConfigError
from georet.testing import check_optimizer
from georet.train.optim import build_optimizer
from georet.train.optimising.makers import SGD, AdamW, TorchOptimizer, _torch_optimizers


@pytest.mark.parametrize("maker", [AdamW(), AdamW(amsgrad=True), SGD(), SGD(nesterov=True)])
def test_own_optimisers_keep_the_contract(maker):
    check_optimizer(maker)


# Muon is for matrices alone.
@pytest.mark.parametrize("name", sorted(set(_torch_optimizers()) - {"Muon"}))
def test_any_optimiser_of_torch_keeps_the_contract(name):
    check_optimizer(TorchOptimizer(name))


def test_adamw_without_options_is_torchs():
    parameter = nn.Parameter(torch.ones(2))
    made = AdamW()([{"params": [parameter]}])
    # The same but for how it is computed: in one pass over a parameter.
    assert made.defaults == torch.optim.AdamW([parameter], fused=True).defaults


def test_options_of_torch_are_passed():
    groups = [{"params": [nn.Parameter(torch.ones(1))]}]
    made = TorchOptimizer("RAdam", {"betas": [0.8, 0.9]})(groups)
    assert isinstance(made, torch.optim.RAdam)
    assert made.defaults["betas"] == (0.8, 0.9)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("Radam", {}, "no optimiser 'Radam'\n  did you mean 'RAdam'"),
        ("os", {}, "torch.optim has no optimiser 'os'"),
        ("Optimizer", {}, "torch.optim has no optimiser 'Optimizer'"),
        ("lr_scheduler", {}, "has no optimiser 'lr_scheduler'"),
        ("LBFGS", {}, "can't train here"),
        ("Rprop", {}, "no schedule moves them"),
        ("SparseAdam", {}, "sparse gradients"),
        ("RAdam", {"beta": [0.8, 0.9]}, "did you mean 'betas'"),
        ("RAdam", {"lr": 0.1}, "Use train.lr"),
        ("RAdam", {"weight_decay": 0.1}, "Use train.weight_decay"),
    ],
)
def test_a_wrong_name_or_option_of_torch_is_told(name, options, text):
    with pytest.raises(ConfigError) as caught:
        TorchOptimizer(name, options)
    assert text in str(caught.value)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ConfigError, match="nesterov"):
        SGD(momentum=0, nesterov=True)


def modules() -> nn.ModuleDict:
    return nn.ModuleDict({"encoder": nn.Linear(2, 2), "objective": nn.ModuleDict()})


def test_a_decay_that_the_optimiser_does_not_know_is_refused():
    class Bare(torch.optim.Optimizer):
        def __init__(self, groups) -> None:
            super().__init__(groups, {"lr": 1e-3})

    with pytest.raises(ConfigError, match="Bare has no weight decay"):
        build_optimizer(modules(), TrainConfig(), Bare)
    build_optimizer(modules(), TrainConfig(weight_decay=0), Bare)


@pytest.mark.parametrize(
    ("maker", "text"),
    [
        (lambda groups: "none", "made a str"),
        (lambda groups: torch.optim.SGD(groups[0]["params"][:1], lr=1), "leaves out 1 parameters"),
        (lambda groups: torch.optim.SGD(groups[0]["params"], lr=1), "leaves out 'base_lr'"),
    ],
)
def test_a_maker_that_breaks_its_contract_is_told(maker, text):
    with pytest.raises(ComponentError, match=text):
        build_optimizer(modules(), TrainConfig(), maker)

from __future__ import annotations

import pytest
import torch

from georet.testing import check_optimizer, check_schedule
from georet.train.optimising.schedules import (
    Constant,
    Cosine,
    Exponential,
    Plateau,
    Polynomial,
    Step,
)

SCHEDULES = [
    Constant(),
    Cosine(),
    Polynomial(),
    Exponential(),
    Step(every=3),
    Plateau(metric="cross/recall@1", patience=1),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_own_schedules_keep_the_contract(schedule):
    check_schedule(schedule)


class Counts:
    """Falls from call to call."""

    def __init__(self):
        self.num = 0

    def __call__(self, moment):
        self.num += 1
        return 1 / self.num


class Forgets(Plateau):
    def state_dict(self):
        return super().state_dict() | {"waited": 0}


class Stateless:
    factor = 1.0

    def __call__(self, moment):
        return self.factor

    def evaluated(self, metrics):
        self.factor /= 2


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (lambda moment: 1 / (moment.epochs - moment.epoch) if moment.progress < 1 else -1.0, "-1"),
        (lambda moment: float("nan"), "nan"),
        (lambda moment: 0.0, "0 all the time"),
        (Counts(), "what was asked before"),
        (Forgets(metric="cross/recall@1", patience=1), "another way"),
        (Stateless(), "no state_dict, load_state_dict"),
    ],
)
def test_a_broken_schedule_is_told(schedule, text):
    with pytest.raises(AssertionError, match=text):
        check_schedule(schedule)


class Plain(torch.optim.Optimizer):
    sign = -1.0

    def __init__(self, groups):
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0})
        self.begin()

    def begin(self): ...

    def rate(self, group):
        return group["lr"]

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.add_(parameter.grad, alpha=self.sign * self.rate(group))


class OwnRate(Plain):
    def rate(self, group):
        return 0.1


class Uphill(Plain):
    sign = 1.0


class Hidden(Plain):
    """Remembers outside of what a checkpoint keeps."""

    def begin(self):
        self.num = 0

    def rate(self, group):
        self.num += 1
        return group["lr"] / self.num


class InGroups(Plain):
    """Remembers a plain number in its groups, which a checkpoint keeps."""

    def rate(self, group):
        group["num"] = group.get("num", 0) + 1
        return group["lr"] / group["num"]


class Random(Plain):
    def rate(self, group):
        return group["lr"] * float(torch.rand(()))


@pytest.mark.parametrize("maker", [Plain, InGroups])
def test_a_sound_optimiser_passes(maker):
    check_optimizer(maker)


@pytest.mark.parametrize(
    ("maker", "text"),
    [
        (lambda groups: None, "made a NoneType"),
        (lambda groups: Plain(groups[:1]), "other parameters"),
        (lambda groups: Plain([{"params": g["params"]} for g in groups]), "'base_lr'"),
        (OwnRate, "a rate of 0"),
        (Uphill, "down a parabola"),
        (Hidden, "goes another way"),
        (Random, "the second time"),
    ],
)
def test_a_broken_optimiser_is_told(maker, text):
    with pytest.raises(AssertionError, match=text):
        check_optimizer(maker)

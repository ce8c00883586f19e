"""The checks for optimisers and for schedules."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from georet.contracts.optimising import Groups, Moment, OptimizerMaker, Schedule
from georet.testing.expect import expect
from georet.train.checkpoint import load_optimizer, optimizer_tensors, optimizer_values

_NUM_STEPS = 4
_LR = 0.05


def check_optimizer(maker: OptimizerMaker) -> None:
    """Raise AssertionError unless what makes an optimiser keeps its contract, on small tensors.

    Checked: it makes a ``torch.optim.Optimizer`` of all groups and leaves ``base_lr`` in them; a
    rate of 0 changes nothing; it goes downhill on a parabola; the same gradients lead to the same
    bytes; and what a checkpoint keeps is all that it remembers: taken up after a few steps it goes
    on to the same bytes.
    """
    network = _network()
    optimizer: object = maker(_groups(network))
    expect(
        isinstance(optimizer, torch.optim.Optimizer),
        f"it made a {type(optimizer).__name__}",
        "Return a torch.optim.Optimizer of the groups that it is called with",
    )
    assert isinstance(optimizer, torch.optim.Optimizer)
    held = {p for group in optimizer.param_groups for p in group["params"]}
    expect(
        held == set(network.parameters()) and all("base_lr" in g for g in optimizer.param_groups),
        "the optimiser has other parameters than the groups, or lost their 'base_lr'",
        "Pass the groups on as they are; what it doesn't know stays in them",
    )
    _check_rate(optimizer, network)
    _check_downhill(maker)
    _check_resume(maker)


def check_schedule(
    schedule: Schedule, *, epochs: float = 10.0, warmup: float = 1.0, num_evaluations: int = 12
) -> None:
    """Raise AssertionError unless a schedule keeps its contract over a run of ``epochs``.

    Checked: a finite factor of at least 0 at every moment behind the warm-up, not 0 all the time;
    the same at the same moment whatever was asked before; and one that follows evaluations goes
    on from its state, as JSON, like one that saw them.
    """
    positions = [warmup + (epochs - warmup) * part / 50 for part in range(51)]
    factors = _factors(schedule, positions, epochs, warmup)
    for position, factor in zip(positions, factors, strict=True):
        expect(
            0 <= factor < math.inf,
            f"the factor at epoch {position:g} of {epochs:g} is {factor!r}",
            "Return a number, at least 0; beware of a division by moment.epochs - moment.warmup",
        )
    expect(any(factors), "the factor is 0 all the time", "1 stands for the full rate")
    expect(
        _factors(schedule, positions[::-1], epochs, warmup)[::-1] == factors,
        "the factor depends on what was asked before",
        "A resumed run doesn't ask for what is past: compute the factor from the moment alone",
    )
    _factors(schedule, [0.5, 1.0], 1.0, 1.0)  # a run that is all warm-up
    if hasattr(schedule, "evaluated"):
        _check_state(schedule, positions, epochs, warmup, num_evaluations)


def _network() -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    network = nn.ModuleDict({"first": nn.Linear(4, 3), "second": nn.Linear(3, 2)})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network


def _groups(network: nn.Module, lr: float = _LR) -> Groups:
    parts = [list(part.parameters()) for part in network.children()]
    return [
        {"params": part, "lr": rate, "base_lr": rate, "weight_decay": 0.0}
        for part, rate in zip(parts, (lr, lr / 2), strict=True)
    ]


def _steps(optimizer: torch.optim.Optimizer, network: nn.Module, first: int, num: int) -> None:
    """Do steps along made-up gradients, each by its own number."""
    for number in range(first, first + num):
        generator = torch.Generator().manual_seed(number)
        for parameter in network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


def _bytes(network: nn.Module) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in network.parameters()]


def _check_rate(optimizer: torch.optim.Optimizer, network: nn.Module) -> None:
    before = _bytes(network)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    _steps(optimizer, network, 0, 1)
    expect(
        _bytes(network) == before,
        "a rate of 0 changes the parameters",
        'Use group["lr"], which georet sets before every step, and no rate of its own',
    )


def _check_downhill(maker: OptimizerMaker) -> None:
    network = _network()
    optimizer = maker(_groups(network))
    heights = []
    for _ in range(50):
        height = torch.stack([p.square().sum() for p in network.parameters()]).sum()
        optimizer.zero_grad(set_to_none=True)
        height.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        heights.append(height.item())
    expect(
        heights[-1] < heights[0],
        f"50 steps down a parabola went from {heights[0]:.4g} to {heights[-1]:.4g}",
        "Is a sign wrong? It must step against the gradient",
    )


def _check_resume(maker: OptimizerMaker) -> None:
    networks = [_network(), _network(), _network()]
    optimizers = [maker(_groups(network)) for network in networks]
    for optimizer, network in zip(optimizers[:2], networks[:2], strict=True):
        _steps(optimizer, network, 0, _NUM_STEPS)
    expect(
        _bytes(networks[0]) == _bytes(networks[1]),
        "the same gradients led to other parameters the second time",
        "Draw nothing at random but from generators that it seeds itself",
    )
    names = dict(networks[1].named_parameters())
    tensors = {k: v.clone() for k, v in optimizer_tensors(optimizers[1], names).items()}
    values = json.loads(json.dumps(optimizer_values(optimizers[1], names)))
    networks[2].load_state_dict(networks[1].state_dict())
    fresh = dict(networks[2].named_parameters())
    load_optimizer(optimizers[2], fresh, tensors, values, where="check_optimizer")
    for optimizer, network in zip(optimizers, networks, strict=True):
        _steps(optimizer, network, _NUM_STEPS, _NUM_STEPS)
    expect(
        _bytes(networks[2]) == _bytes(networks[0]),
        "taken up from a checkpoint it goes another way",
        "Keep what it remembers in self.state[parameter] or in its groups, as tensors or plain "
        "numbers, and not in attributes of its own",
    )


def _factors(
    schedule: Schedule, positions: list[float], epochs: float, warmup: float
) -> list[float]:
    return [schedule(Moment(position, epochs, warmup, lr=1e-3)) for position in positions]


def _check_state(
    schedule: Any, positions: list[float], epochs: float, warmup: float, num: int
) -> None:
    lacking = [n for n in ("state_dict", "load_state_dict") if not hasattr(schedule, n)]
    expect(
        not lacking,
        f"the schedule follows evaluations, and has no {', '.join(lacking)}",
        "Return as JSON values what it noted, and take them again",
    )
    values = list(itertools.islice(itertools.cycle([5.0, 9.0, 7.0, 7.0, 6.0]), num))
    unused, resumed = copy.deepcopy(schedule), list[Any]()
    for value in values:
        fresh = copy.deepcopy(unused)
        fresh.load_state_dict(json.loads(json.dumps(schedule.state_dict(), allow_nan=False)))
        resumed.append(fresh)
        for each in (schedule, *resumed):
            each.evaluated(_metrics(schedule, value))
        here = _factors(schedule, positions, epochs, warmup)
        expect(
            all(_factors(each, positions, epochs, warmup) == here for each in resumed),
            "taken up from its state the schedule goes another way",
            "Put all that evaluated() notes into state_dict()",
        )


def _metrics(schedule: Any, value: float) -> Mapping[str, Mapping[str, float]]:
    which, _, name = str(getattr(schedule, "watches", None) or "held-out/recall@1").partition("/")
    return {which: {name: value}}

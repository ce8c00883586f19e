"""The optimiser of a run, its rates, and gradient clipping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from georet.blame import blaming, maker_of
from georet.config import TrainConfig
from georet.contracts.building import BuildContext
from georet.contracts.optimising import OptimizerMaker
from georet.errors import ConfigError
from georet.train.optimising.groups import BASE_RATE, parameter_groups, trained_parameters
from georet.train.optimising.makers import AdamW

__all__ = ["build_optimizer", "clip_gradients", "set_rate", "trained_parameters"]


def build_optimizer(
    modules: nn.ModuleDict, config: TrainConfig, maker: OptimizerMaker | None = None
) -> torch.optim.Optimizer:
    """Return the optimiser (AdamW without a ``maker``) of all trained parameters.

    They are grouped by rate and decay. ConfigError for groups that fit nothing and for a decay that
    the optimiser doesn't know, ComponentError for a maker that doesn't keep to its contract.
    """
    maker = maker or AdamW()
    groups = parameter_groups(modules, config)
    with blaming(maker, "making the optimiser"):
        optimizer: object = maker(groups)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise maker_of(maker).broke(
            f"made a {type(optimizer).__name__}, wanted a torch.optim.Optimizer",
            "Return an optimiser of the groups that it was called with.",
        )
    held = {p for group in optimizer.param_groups for p in group["params"]}
    lacking = [name for name, p in trained_parameters(modules) if p not in held]
    if lacking or not all(BASE_RATE in group for group in optimizer.param_groups):
        what = f"{len(lacking)} parameters" if lacking else f"{BASE_RATE!r} of the groups"
        raise maker_of(maker).broke(
            f"the optimiser leaves out {what}",
            "Pass the groups on as they are; what it doesn't know stays in them.",
        )
    decays = [group["weight_decay"] for group in groups if group["weight_decay"]]
    if decays and "weight_decay" not in optimizer.defaults:
        raise ConfigError(
            f"{type(optimizer).__name__} has no weight decay, and {decays[0]:g} is asked for",
            where="train.weight_decay",
            hint="--set train.weight_decay=0",
        )
    return optimizer


def skips_on_device(optimizer: torch.optim.Optimizer) -> bool:
    """Say whether it takes ``found_inf``, the flag on which its kernels change nothing.

    Torch's fused optimisers do: a step that is found bad on the device needs no host to skip it.
    """
    fused = all(group.get("fused") for group in optimizer.param_groups)
    return fused and bool(getattr(optimizer, "_step_supports_amp_scaling", False))


def make_optimizer(
    config: TrainConfig, modules: nn.ModuleDict, context: BuildContext
) -> torch.optim.Optimizer:
    """Return the configured optimiser of all that is trained in ``modules``."""
    spec, where = config.optimizer, "train.optimizer"
    made = context.catalog.create("optimizers", spec, where=where, context=context)
    return build_optimizer(modules, config, cast(OptimizerMaker, made))


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set each group's rate to ``factor`` times its base rate."""
    for group in optimizer.param_groups:
        group["lr"] = group[BASE_RATE] * factor


def clip_gradients(parameters: Iterable[nn.Parameter], config: TrainConfig) -> Tensor:
    """Clip gradients in place and return their norm float[] from before."""
    kept = [p for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm([p.grad for p in kept if p.grad is not None])
    if config.clip == "value":
        torch.nn.utils.clip_grad_value_(kept, config.clip_at)
    elif config.clip == "norm":
        torch.nn.utils.clip_grads_with_norm_(kept, config.clip_at, norm)
    return norm

"""Optimiser groups, learning-rate schedules and gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from georet.config import TrainConfig
from georet.errors import ConfigError

BASE_RATE = "base_lr"


def lr_factor(position: float, total: float, warmup: float, config: TrainConfig) -> float:
    """Return the factor on ``config.lr`` at ``position`` of ``total``, in steps or in epochs.

    Linear warm-up from 0, then the cosine to 0 (SGDR, arXiv 1608.03983, eq. 5, one cycle), the
    polynomial to ``lr_end``, or a constant.
    """
    if position < warmup:
        return position / max(1.0, warmup) if warmup >= 1 else position / warmup
    progress = min(1.0, (position - warmup) / (total - warmup)) if total > warmup else 1.0
    if config.schedule == "cosine":
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))
    if config.schedule == "polynomial":
        end = config.lr_end / config.lr
        return (1.0 - end) * math.pow(1.0 - progress, config.power) + end
    return 1.0


def build_optimizer(modules: nn.ModuleDict, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW over all trained parameters, grouped by rate and decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    used: set[str] = set()
    for name, parameter in trained_parameters(modules):
        prefix = _longest_prefix(name, config.lr_scale)
        used.add(prefix)
        exempt = config.decay_exclude == "bias_and_norm" and parameter.ndim < 2
        key = (config.lr_scale.get(prefix, 1.0), 0.0 if exempt else config.weight_decay)
        groups.setdefault(key, []).append(parameter)
    _check_prefixes(config, used, [name for name, _ in trained_parameters(modules)])
    return torch.optim.AdamW(
        [
            {"params": p, "lr": config.lr * s, BASE_RATE: config.lr * s, "weight_decay": d}
            for (s, d), p in groups.items()
        ],
        # One kernel for all parameters, and one that can skip an update; on a CPU torch's choice.
        fused=True if _is_on_cuda(modules) else None,
    )


def trained_parameters(modules: nn.ModuleDict) -> list[tuple[str, nn.Parameter]]:
    """Return (name, parameter) of all that is trained, in a fixed order."""
    return [(n, p) for n, p in modules.named_parameters() if p.requires_grad]


def skips_on_device(optimizer: torch.optim.Optimizer) -> bool:
    """Say whether it takes ``found_inf``, the flag on which its kernels change nothing.

    Torch's fused optimisers do: a step that is found bad on the device needs no host to skip it.
    """
    fused = all(group.get("fused") for group in optimizer.param_groups)
    return fused and bool(getattr(optimizer, "_step_supports_amp_scaling", False))


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


def local_name(name: str) -> str:
    """Return a parameter's name within its backbone: ``trunk.…``, ``head.…``."""
    parts = name.split(".")
    if parts[:2] == ["encoder", "branches"]:
        return ".".join(parts[4:])
    return ".".join(parts[1:]) if parts[0] == "encoder" else name


def _is_on_cuda(modules: nn.ModuleDict) -> bool:
    return all(p.device.type == "cuda" for _, p in trained_parameters(modules))


def _longest_prefix(name: str, scales: dict[str, float]) -> str:
    local = local_name(name)
    found = [p for p in scales if local == p or local.startswith(p.rstrip(".") + ".")]
    return max(found, key=len, default="")


def _check_prefixes(config: TrainConfig, used: set[str], names: list[str]) -> None:
    unused = sorted(set(config.lr_scale) - used)
    if unused:
        known = sorted({local_name(n).split(".")[0] for n in names})
        raise ConfigError(
            f"no trained parameter's name starts with {unused[0]!r}",
            where="train.lr_scale",
            hint=f"Names start with: {', '.join(known)}.",
        )

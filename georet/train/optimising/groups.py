"""Groups of parameters that learn at one rate with one weight decay."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, cast

from torch import nn

from georet.config import GroupRule, TrainConfig
from georet.contracts.optimising import Groups
from georet.errors import ConfigError
from georet.suggest import hint_for
from georet.train.optimising.depth import layers_below_top

BASE_RATE: Final = "base_lr"
_BRANCHES: Final = ["encoder", "branches"]
_NUM_NEAR: Final = 3

Named = Sequence[tuple[str, nn.Parameter]]


def trained_parameters(modules: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return (name, parameter) of all that is trained, in a fixed order."""
    return [(n, p) for n, p in modules.named_parameters() if p.requires_grad]


def parameter_groups(modules: nn.ModuleDict, config: TrainConfig) -> Groups:
    """Return the groups of all that is trained, in the order of their first parameters.

    A rate is ``train.lr``, or the ``lr`` of the last rule that fits, times ``lr_scale`` of the
    longest prefix and of each rule that fits, times ``layer_decay`` for each layer above.
    ConfigError for prefixes and rules that fit nothing.
    """
    named = trained_parameters(modules)
    depth = _depths(modules) if config.layer_decay != 1 else {}
    fitting = _fitting(named, config.groups)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    used: set[str] = set()
    for name, parameter in named:
        prefix = _longest_prefix(name, config.lr_scale)
        used.add(prefix)
        lr, scale, decay = config.lr, config.lr_scale.get(prefix, 1.0), config.weight_decay
        for rule in fitting[name]:
            lr = lr if rule.lr is None else rule.lr
            scale *= rule.lr_scale
            decay = decay if rule.weight_decay is None else rule.weight_decay
        if config.decay_exclude == "bias_and_norm" and parameter.ndim < 2:
            decay = 0.0
        scale *= config.layer_decay ** depth.get(name, 0)
        groups.setdefault((lr * scale, decay), []).append(parameter)
    _check_prefixes(config, used, [name for name, _ in named])
    return [
        {"params": p, "lr": rate, BASE_RATE: rate, "weight_decay": decay}
        for (rate, decay), p in groups.items()
    ]


def local_name(name: str) -> str:
    """Return a parameter's name within its backbone: ``trunk.…``, ``head.…``."""
    parts = name.split(".")
    if parts[:2] == _BRANCHES:
        return ".".join(parts[4:])
    return ".".join(parts[1:]) if parts[0] == "encoder" else name


def branch_of(name: str) -> str | None:
    """Return the branch of the encoder that a parameter belongs to."""
    parts = name.split(".")
    return parts[2] if parts[:2] == _BRANCHES else None


def _depths(modules: nn.ModuleDict) -> dict[str, int]:
    """Return by full name how many layers of its backbone are above a parameter."""
    found: dict[str, int] = {}
    branches = cast(nn.ModuleDict, modules["encoder"].branches)
    for name, branch in branches.items():
        layers = layers_below_top(cast(nn.Module, branch.backbone))
        found |= {f"encoder.branches.{name}.backbone.{own}": n for own, n in layers.items()}
    return found


def _fitting(named: Named, rules: Sequence[GroupRule]) -> dict[str, list[GroupRule]]:
    """Return by full name the rules that fit, in order; each must fit something."""
    found: dict[str, list[GroupRule]] = {name: [] for name, _ in named}
    for number, rule in enumerate(rules):
        within = _of_branch(found, rule, f"train.groups.{number}")
        fits = [name for name in within if _fits(local_name(name), rule.match)]
        if not fits:
            near = _nearest(rule.match, map(local_name, within))
            raise ConfigError(
                f"no trained parameter's name fits {rule.match!r}",
                where=f"train.groups.{number}.match",
                hint=f"The nearest names: {', '.join(near)}",
            )
        for name in fits:
            found[name].append(rule)
    return found


def _of_branch(names: Iterable[str], rule: GroupRule, where: str) -> list[str]:
    if rule.branch is None:
        return list(names)
    within = [name for name in names if branch_of(name) == rule.branch]
    if not within:
        branches = {branch for name in names if (branch := branch_of(name)) is not None}
        raise ConfigError(
            f"the encoder has no branch {rule.branch!r} that is trained",
            where=f"{where}.branch",
            hint=hint_for(rule.branch, branches, "branches"),
        )
    return within


def _fits(name: str, pattern: str) -> bool:
    """Whether a pattern is the whole name, or its beginning up to a dot."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def _nearest(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names, and beginnings of names up to a dot, that a pattern comes closest to."""
    known: dict[str, None] = {}
    for name in names:
        parts = name.split(".")
        known |= {".".join(parts[: end + 1]): None for end in range(len(parts))}
    plain = pattern.replace("*", "").strip(".")
    near = difflib.get_close_matches(plain, known, n=_NUM_NEAR, cutoff=0.4)
    return near or sorted({name.split(".")[0] for name in known})


def _longest_prefix(name: str, scales: Mapping[str, float]) -> str:
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

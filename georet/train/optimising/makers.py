"""georet's own optimisers: AdamW, SGD, and any of torch's by its name."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import torch
from pydantic import Field

from georet.contracts.optimising import Groups
from georet.errors import ConfigError
from georet.suggest import hint_for

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
_OWN: Final = {"params": "", "lr": "train.lr", "weight_decay": "train.weight_decay"}
"""Arguments that georet gives, and the keys that they come from."""
_UNUSABLE: Final = {
    "LBFGS": "it evaluates a step several times",
    "Rprop": "it chooses its own step sizes, and no schedule moves them",
    "SparseAdam": "it wants sparse gradients",
}


@dataclass(frozen=True, kw_only=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101)."""

    betas: tuple[Share, Share] = (0.9, 0.999)
    eps: Positive = 1e-8
    amsgrad: bool = False

    def __call__(self, groups: Groups) -> torch.optim.Optimizer:
        """Return the optimiser of these groups."""
        return torch.optim.AdamW(
            groups,
            betas=self.betas,
            eps=self.eps,
            amsgrad=self.amsgrad,
            fused=fused_for(groups),
        )


@dataclass(frozen=True, kw_only=True)
class SGD:
    """Gradient descent with ``momentum`` (Sutskever et al., ICML 2013, with ``nesterov``).

    The weight decay is added to the gradient, so that it is multiplied by the rate.
    """

    momentum: Share = 0.9
    dampening: Annotated[float, Field(ge=0, le=1)] = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and (self.momentum <= 0 or self.dampening):
            raise ConfigError("nesterov needs a momentum, and no dampening", where="nesterov")

    def __call__(self, groups: Groups) -> torch.optim.Optimizer:
        """Return the optimiser of these groups."""
        return torch.optim.SGD(
            groups,
            momentum=self.momentum,
            dampening=self.dampening,
            nesterov=self.nesterov,
            fused=fused_for(groups),
        )


@dataclass(frozen=True)
class TorchOptimizer:
    """The optimiser of ``torch.optim`` whose class is called ``optimizer``.

    ``options`` are its arguments but for rate and decay, which come from ``train``.
    """

    optimizer: str
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = _torch_optimizers()
        if self.optimizer in _UNUSABLE:
            raise ConfigError(
                f"{self.optimizer} can't train here: {_UNUSABLE[self.optimizer]}",
                where="optimizer",
            )
        if self.optimizer not in known:
            raise ConfigError(
                f"torch.optim has no optimiser {self.optimizer!r}",
                where="optimizer",
                hint=hint_for(self.optimizer, known, "there are"),
            )
        names = list(inspect.signature(known[self.optimizer]).parameters)
        for name in self.options:
            if name in _OWN:
                raise ConfigError(
                    "can't be set here", where=f"options.{name}", hint=f"Use {_OWN[name]}."
                )
            if name not in names:
                listed = [n for n in names if n not in _OWN]
                raise ConfigError(
                    f"{self.optimizer} has no option {name!r}",
                    where=f"options.{name}",
                    hint=hint_for(name, listed, "options"),
                )

    def __call__(self, groups: Groups) -> torch.optim.Optimizer:
        """Return the optimiser of these groups."""
        # YAML has lists only; torch's defaults are tuples.
        options = {k: tuple(v) if isinstance(v, list) else v for k, v in self.options.items()}
        made: torch.optim.Optimizer = _torch_optimizers()[self.optimizer](groups, **options)
        return made


def fused_for(groups: Groups) -> bool | None:
    """Return True where all is on CUDA, or all on a CPU; None leaves the choice to torch.

    That is one pass over a parameter, on a CPU in a third of the time; on CUDA it can skip an
    update by itself.
    """
    kinds = {parameter.device.type for group in groups for parameter in group["params"]}
    return True if kinds in ({"cuda"}, {"cpu"}) else None


def _torch_optimizers() -> dict[str, Any]:
    """Return torch's own classes by name; nothing else that a module of that name may hold."""
    found = {name: value for name, value in vars(torch.optim).items() if inspect.isclass(value)}
    return {
        name: value
        for name, value in found.items()
        if issubclass(value, torch.optim.Optimizer)
        and value is not torch.optim.Optimizer
        and name not in _UNUSABLE
    }

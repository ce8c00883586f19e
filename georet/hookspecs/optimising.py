# mypy: disable-error-code="empty-body"
"""The hooks through which a plugin declares how training steps: optimisers and schedules."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from georet.components import Component

hookspec = pluggy.HookspecMarker("georet")


@hookspec
def georet_optimizers() -> Iterable[Component]:
    """Declare optimisers: (groups) -> torch.optim.Optimizer.

    What the factory returns is called once, with parameter groups as torch takes them: ``params``,
    ``lr`` and ``weight_decay``, which come from the run's configuration, and georet's own
    ``base_lr``, which stays in them. georet sets the rates before each step and keeps the
    optimiser's tensors and plain numbers in its checkpoints. Added in 0.1.

    Example::

        import torch

        from georet import Component, hookimpl


        class Signs(torch.optim.Optimizer):
            def __init__(self, groups, momentum):
                super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0, "momentum": momentum})

            @torch.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is None:
                            continue
                        mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                        mean.lerp_(p.grad, 1 - group["momentum"])
                        p.mul_(1 - group["lr"] * group["weight_decay"])
                        p.sub_(mean.sign(), alpha=group["lr"])


        def signs(momentum: float = 0.9):
            return lambda groups: Signs(groups, momentum)


        @hookimpl
        def georet_optimizers():
            yield Component("signs", signs, summary="A step of one size along each sign")
    """


@hookspec
def georet_schedules() -> Iterable[Component]:
    """Declare schedules: (moment) -> factor on every learning rate, at least 0.

    ``moment.epoch`` of ``moment.epochs`` (fractions count within an epoch) is behind the warm-up
    of ``moment.warmup`` epochs; ``moment.progress`` is the part of the rest that is done, 0..1. A
    schedule with ``evaluated(metrics)`` is told what each evaluation while training found,
    ``{set: {metric: value}}``; it then has ``state_dict()`` and ``load_state_dict(state)``, with
    JSON values, for resumed runs. Added in 0.1.

    Example::

        from georet import Component, hookimpl


        class Triangle:
            def __init__(self, peak: float = 0.3) -> None:
                self.peak = peak

            def __call__(self, moment):
                if moment.progress < self.peak:
                    return moment.progress / self.peak
                return (1 - moment.progress) / (1 - self.peak)


        @hookimpl
        def georet_schedules():
            yield Component("triangle", Triangle, summary="Up to the full rate, and down again")
    """

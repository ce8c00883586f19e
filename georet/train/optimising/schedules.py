"""georet's own schedules: factors on the learning rate behind the warm-up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from georet.contracts.optimising import Moment
from georet.errors import ConfigError

Rate = Annotated[float, Field(ge=0)]
Gamma = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class Constant:
    """Always the full rate."""

    def __call__(self, moment: Moment) -> float:  # noqa: ARG002
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from the full rate to ``lr_end`` (SGDR, arXiv 1608.03983, eq. 5, one cycle)."""

    lr_end: Rate = 0.0

    def __call__(self, moment: Moment) -> float:
        """Return the factor at a moment."""
        end = self.lr_end / moment.lr
        return (1.0 - end) * max(0.0, 0.5 * (1.0 + math.cos(math.pi * moment.progress))) + end


@dataclass(frozen=True)
class Polynomial:
    """From the full rate to ``lr_end`` along the part that is left, to the power of ``power``.

    Where they are not given, ``train.lr_end`` and ``train.power`` count.
    """

    lr_end: Rate = 1e-4
    power: Annotated[float, Field(gt=0)] = 1.5

    def __call__(self, moment: Moment) -> float:
        """Return the factor at a moment."""
        end = self.lr_end / moment.lr
        return (1.0 - end) * math.pow(1.0 - moment.progress, self.power) + end


@dataclass(frozen=True)
class Exponential:
    """Times ``gamma`` after each whole epoch behind the warm-up, or with ``smooth`` all along."""

    gamma: Gamma = 0.95
    smooth: bool = False

    def __call__(self, moment: Moment) -> float:
        """Return the factor at a moment."""
        epochs = moment.epoch - moment.warmup
        return math.pow(self.gamma, epochs if self.smooth else math.floor(epochs))


@dataclass(frozen=True)
class Step:
    """Times ``gamma`` at each of ``epochs``, or ``every`` so many.

    Both count from the start of the run, its warm-up included.
    """

    gamma: Gamma = 0.1
    epochs: tuple[Annotated[float, Field(gt=0)], ...] = ()
    every: Annotated[float, Field(gt=0)] | None = None

    def __post_init__(self) -> None:
        if bool(self.epochs) == (self.every is not None):
            raise ConfigError(
                "needs `epochs` or `every`, one of them",
                where="epochs",
                hint="For example {name: step, epochs: [30, 60], gamma: 0.1}",
            )

    def __call__(self, moment: Moment) -> float:
        """Return the factor at a moment."""
        if self.every is not None:
            return math.pow(self.gamma, math.floor(moment.epoch / self.every))
        return math.pow(self.gamma, sum(moment.epoch >= epoch for epoch in self.epochs))


class Plateau:
    """Times ``gamma`` when ``metric`` got no better for more than ``patience`` evaluations.

    ``metric`` is ``set/metric`` of a set that is evaluated while training; ``larger`` says whether
    more of it is better. Better means by more than ``threshold``. The factor stays at least
    ``least``.
    """

    def __init__(
        self,
        *,
        metric: str,
        larger: bool = True,
        gamma: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        patience: Annotated[int, Field(ge=0)] = 2,
        threshold: Annotated[float, Field(ge=0)] = 0.0,
        least: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        self.watches, self.larger = metric, larger
        self.gamma, self.patience = gamma, patience
        self.threshold, self.least = threshold, least
        self.factor, self.waited, self.best = 1.0, 0, float("nan")

    def __call__(self, moment: Moment) -> float:  # noqa: ARG002
        """Return the factor that the evaluations so far led to."""
        return self.factor

    def evaluated(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Compare an evaluation with the best one so far."""
        which, _, name = self.watches.partition("/")
        found = metrics.get(which, {})
        if name not in found:
            raise ConfigError(
                f"no metric {self.watches!r}",
                where="train.schedule.metric",
                hint=f"There are: {', '.join(f'{s}/{m}' for s in metrics for m in metrics[s])}.",
            )
        value = found[name] if self.larger else -found[name]
        # Not a number: nothing was seen before; a value that is none is never better.
        if math.isnan(self.best) or value > self.best + self.threshold:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.factor, self.waited = max(self.least, self.factor * self.gamma), 0

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must know."""
        best = None if math.isnan(self.best) else self.best
        return {"factor": self.factor, "waited": self.waited, "best": best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the values of ``state_dict``."""
        self.factor, self.waited = float(state["factor"]), int(state["waited"])
        self.best = float("nan") if state["best"] is None else float(state["best"])

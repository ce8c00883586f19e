"""What optimisers and schedules of the learning rate must do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

Groups = list[dict[str, Any]]
"""Parameters with what holds for them: ``params``, ``lr``, ``weight_decay``, ``base_lr``."""


@runtime_checkable
class OptimizerMaker(Protocol):
    """Makes the optimiser of a run; what its factory takes are the options."""

    def __call__(self, groups: Groups, /) -> torch.optim.Optimizer:
        """Return an optimiser of these groups, keys that it doesn't know left in them.

        georet sets each group's ``lr`` before every step. What the optimiser remembers must be
        tensors by parameter, or plain numbers, texts and lists of them by parameter or by group:
        that is what a checkpoint keeps.
        """


@dataclass(frozen=True)
class Moment:
    """A moment of a run: ``epoch`` of ``epochs``, the first ``warmup`` of which are warm-up.

    All three are in epochs and may be fractions. ``lr`` is ``train.lr``, the rate that a factor of
    1 stands for.
    """

    epoch: float
    epochs: float
    warmup: float
    lr: float

    @property
    def progress(self) -> float:
        """The part done, 0..1, of what comes behind the warm-up."""
        if self.epochs <= self.warmup:
            return 1.0
        return min(1.0, (self.epoch - self.warmup) / (self.epochs - self.warmup))


@runtime_checkable
class Schedule(Protocol):
    """Says by how much every rate is multiplied at a moment behind the warm-up.

    It may have ``evaluated(metrics: {set: {metric: value}})``, which is called after each
    evaluation while training; then it has ``state_dict()`` and ``load_state_dict(state)`` too,
    with JSON values, so that a resumed run goes on alike. ``watches`` may be the ``set/metric``
    that it needs, so that a wrong one is refused before anything is trained.
    """

    def __call__(self, moment: Moment, /) -> float: ...


class Watcher(Protocol):
    """What a schedule has beside when it follows the evaluations."""

    def evaluated(self, metrics: Mapping[str, Mapping[str, float]], /) -> None:
        """Take note of an evaluation."""

    def state_dict(self) -> dict[str, Any]:
        """Return what was noted, as JSON values."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Take the values of ``state_dict``."""

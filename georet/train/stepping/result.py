"""What became of a step: numbers that are read when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from georet.train.stepping.late import Late

SMALLEST_FEATURE = 1e-6
"""Features shorter than this have no direction; normalising them would blow the gradient up."""


NUM_CHECKS = 3
"""Numbers that say whether a step was good: loss, shortest feature, norm of the gradient."""


@dataclass(frozen=True)
class StepResult:
    """Outcome of one batch; its plain numbers are read when they are asked for.

    Reading waits until the device has done this step, not for steps queued after it.
    """

    total: Tensor
    embeddings: dict[str, Tensor]
    names: Sequence[str]
    numbers: Late

    @cached_property
    def _values(self) -> list[float]:
        values: list[float] = self.numbers.read().tolist()
        return values

    @property
    def loss(self) -> float:
        """The objective, weights applied."""
        return self._values[0]

    @property
    def losses(self) -> dict[str, float]:
        """Each loss's value, without its weight."""
        return dict(zip(self.names, self._values[NUM_CHECKS + 1 :], strict=True))

    @property
    def logit_scale(self) -> float:
        """The factor on cosines after the step."""
        return self._values[NUM_CHECKS]

    @cached_property
    def fault(self) -> str | None:
        """Why the update was skipped, or None."""
        loss, shortest, norm = self._values[:NUM_CHECKS]
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not shortest >= SMALLEST_FEATURE:
            return f"a feature's length is {shortest}"
        if not math.isfinite(norm):
            return f"the gradient's norm is {norm}"
        return None

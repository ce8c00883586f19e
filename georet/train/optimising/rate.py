"""The factor on all learning rates at a moment of the run: warm-up, then the schedule."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, Final, cast

from georet.blame import blaming, maker_of
from georet.config import ComponentSpec, TrainConfig
from georet.contracts.building import BuildContext
from georet.contracts.optimising import Moment, Schedule
from georet.errors import ConfigError

_POLYNOMIAL: Final = ("polynomial", "core:polynomial")


class Rate:
    """Warms up linearly from 0 over ``warmup``, then leaves it to the schedule."""

    def __init__(self, schedule: Schedule, *, lr: float, warmup: float) -> None:
        self.schedule, self.lr, self.warmup = schedule, lr, warmup

    def factor(self, position: float, total: float) -> float:
        """Return the factor on every group's rate at ``position`` of ``total``, in epochs.

        ComponentError that names the schedule where it gives no number of at least 0.
        """
        warmup = self.warmup
        if position < warmup:
            return position / max(1.0, warmup) if warmup >= 1 else position / warmup
        with blaming(self.schedule, "the schedule"):
            factor: object = self.schedule(Moment(position, total, warmup, self.lr))
        value = float(factor) if isinstance(factor, Real) else math.nan
        if not 0 <= value < math.inf:
            raise maker_of(self.schedule).broke(
                f"the schedule gave {factor!r} at epoch {position:g} of {total:g}",
                "Return a factor on the rate: a number, at least 0.",
            )
        return value

    def evaluated(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Tell a schedule that wants to know what an evaluation found."""
        tell = getattr(self.schedule, "evaluated", None)
        if tell is not None:
            with blaming(self.schedule, "evaluated()"):
                tell(metrics)

    def as_json(self) -> dict[str, Any]:
        """Return what a checkpoint must keep of the schedule, nothing for most."""
        give = getattr(self.schedule, "state_dict", None)
        if give is None:
            return {}
        with blaming(self.schedule, "state_dict()"):
            state: dict[str, Any] = give()
            json.dumps(state, allow_nan=False)
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the values of ``as_json``."""
        take = getattr(self.schedule, "load_state_dict", None)
        if take is not None:
            with blaming(self.schedule, "load_state_dict()"):
                take(state)


def make_rate(config: TrainConfig, sets: Iterable[str], context: BuildContext) -> Rate:
    """Return the configured schedule of the learning rate, with its warm-up.

    ConfigError where it follows a set that is not among the ``sets`` evaluated while training.
    """
    spec, where = config.schedule, "train.schedule"
    if spec.name in _POLYNOMIAL:
        # Its options may stand in ``train`` as well.
        older = {"lr_end": config.lr_end, "power": config.power}
        spec = ComponentSpec.model_validate({"name": spec.name, **older, **spec.options})
    made = context.catalog.create("schedules", spec, where=where, context=context)
    watched, known = getattr(made, "watches", None), list(sets)
    if watched is not None and str(watched).partition("/")[0] not in known:
        raise ConfigError(
            f"{watched!r} is not `set/metric` of a set evaluated while training",
            where=where,
            hint=f"Sets: {', '.join(known)}.",
        )
    return Rate(cast(Schedule, made), lr=config.lr, warmup=config.warmup_epochs)

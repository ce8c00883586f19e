"""What the files of a run folder say, as checked records; only what the report shows is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from georet.types import Floats, Ints


class Record(BaseModel):
    """A part of a run's files; unknown keys are left alone."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, coerce_numbers_to_str=True, arbitrary_types_allowed=True
    )


class DatasetRecord(Record):
    """The training data as the manifest counts them."""

    name: str = ""
    num_pairs: int | None = None
    num_queries: int | None = None
    num_references: int | None = None


class Manifest(Record):
    """Who ran what, on what, and how long."""

    georet: str = ""
    python: str = ""
    torch: str = ""
    device: str = ""
    precision: str = ""
    threads: int | None = None
    plugins: dict[str, str] = {}
    recipe: str | None = None
    seed: int | None = None
    dataset: DatasetRecord = DatasetRecord()
    command: str = ""
    started: str | None = None
    finished: str | None = None
    duration_s: float | None = None
    num_parameters: int | None = None


class PlanEvent(Record):
    """An epoch's batches were planned; ``sampler`` is how, by the name that the plan gives."""

    epoch: int
    sampler: str = ""
    num_batches: int | None = None
    info: dict[str, float | str | None] = {}
    example_pairs: list[list[int]] = []


class StepEvent(Record):
    """An optimiser step was done."""

    epoch: int
    step: int
    loss: float | None = None
    lr: float | None = None
    logit_scale: float | None = None


class BadStepEvent(Record):
    """A step was skipped."""

    step: int
    reason: str = ""


class BankEvent(Record):
    """The training images were embedded before an epoch."""

    epoch: int


class EvalEvent(Record):
    """A set was evaluated; ``final`` says after all training."""

    epoch: int
    step: int | None = None
    set: str
    metrics: dict[str, float | None]
    final: bool = False


class StageTime(Record):
    """How long a stage took, in seconds."""

    stage: str
    seconds: float
    num_batches: int | None = None


class Measured(Record):
    """Something with metrics."""

    metrics: dict[str, float | None]

    @property
    def known_metrics(self) -> dict[str, float]:
        """The metrics that have a finite value."""
        return {k: v for k, v in self.metrics.items() if v is not None and np.isfinite(v)}


class StageRecord(Measured):
    """What a re-ranker or refiner made of a set: metrics after it, whom it touched, the time."""

    stage: str
    kind: str = ""
    top: int = 0
    num_touched: int = 0
    share_touched: float = 0.0
    num_failed: int = 0
    failure: str | None = None
    seconds_per_query: float = 0.0


class SetRecord(Measured):
    """The metrics of one evaluation set, and those after each stage."""

    set: str
    protocol: str = ""
    num_queries: int
    num_references: int
    stages: tuple[StageRecord, ...] = ()

    def after_stages(self) -> Iterator[tuple[str, StageRecord]]:
        """Yield each stage with the name of its row: ``cross + sift:sift``."""
        name = self.set
        for stage in self.stages:
            name = f"{name} + {stage.stage}"
            yield name, stage


class Ranked(Record):
    """How each query fared: rank and positive int64[Q], top int64[Q, k], its scores float32."""

    rank: Ints
    top: Ints
    top_score: Floats
    positive: Ints


EVENTS: dict[str, type[Record]] = {
    "plan": PlanEvent,
    "step": StepEvent,
    "bad_step": BadStepEvent,
    "bank": BankEvent,
    "eval": EvalEvent,
}
"""The record of each kind of event; other kinds aren't shown."""


def parse_event(line: dict[str, Any]) -> Record | None:
    """Return the record of one event, None for a kind that the report doesn't show."""
    model = EVENTS.get(str(line.get("event")))
    return None if model is None else model.model_validate(line)

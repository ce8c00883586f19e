"""The plugin ``pml``: the losses and miners of pytorch-metric-learning, by name."""

from __future__ import annotations

from collections.abc import Iterable

from georet import Component, hookimpl


@hookimpl
def georet_losses() -> Iterable[Component]:
    """Declare the one loss that stands for all of the library's."""
    yield Component(
        "loss",
        "georet_pml.loss:MetricLoss",
        summary="Any loss of pytorch-metric-learning, with a miner if wanted",
        requires=("pytorch_metric_learning",),
        extra="pml",
    )

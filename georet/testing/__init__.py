"""The kit for plugin authors: checks for each kind of component, and a tiny geographic data set.

Importing it imports no torch; each name is loaded when it is first used. The pytest fixtures
stand in ``georet.testing.fixtures``; ``pytest_plugins = ["georet.testing.fixtures"]`` in a
``conftest.py`` switches them on.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from georet.testing.aggregator_check import check_aggregator
    from georet.testing.backbone_check import check_backbone
    from georet.testing.dataset_check import check_dataset
    from georet.testing.executor_check import check_executor
    from georet.testing.fit_check import check_fit
    from georet.testing.index_check import check_index
    from georet.testing.index_regions import check_index_regions
    from georet.testing.loss_check import check_loss
    from georet.testing.optimising_check import check_optimizer, check_schedule
    from georet.testing.output_check import check_output
    from georet.testing.pixel_session import PixelSession
    from georet.testing.plugin_check import check_plugin
    from georet.testing.protocol_check import check_protocol
    from georet.testing.refiner_check import check_refiner
    from georet.testing.reranker_check import check_reranker
    from georet.testing.sampler_check import check_sampler
    from georet.testing.served_check import check_served_index
    from georet.testing.source_check import check_source
    from georet.testing.tiny import TinyDataset, tiny_dataset
    from georet.testing.tracker_check import check_tracker
    from georet.testing.transform_check import check_transform

_HOMES = {
    "PixelSession": "pixel_session",
    "TinyDataset": "tiny",
    "check_aggregator": "aggregator_check",
    "check_backbone": "backbone_check",
    "check_dataset": "dataset_check",
    "check_executor": "executor_check",
    "check_fit": "fit_check",
    "check_index": "index_check",
    "check_index_regions": "index_regions",
    "check_loss": "loss_check",
    "check_optimizer": "optimising_check",
    "check_output": "output_check",
    "check_plugin": "plugin_check",
    "check_protocol": "protocol_check",
    "check_refiner": "refiner_check",
    "check_reranker": "reranker_check",
    "check_sampler": "sampler_check",
    "check_schedule": "optimising_check",
    "check_served_index": "served_check",
    "check_source": "source_check",
    "check_tracker": "tracker_check",
    "check_transform": "transform_check",
    "tiny_dataset": "tiny",
}

__all__ = [
    "PixelSession",
    "TinyDataset",
    "check_aggregator",
    "check_backbone",
    "check_dataset",
    "check_executor",
    "check_fit",
    "check_index",
    "check_index_regions",
    "check_loss",
    "check_optimizer",
    "check_output",
    "check_plugin",
    "check_protocol",
    "check_refiner",
    "check_reranker",
    "check_sampler",
    "check_schedule",
    "check_served_index",
    "check_source",
    "check_tracker",
    "check_transform",
    "tiny_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

"""What a run's result was measured on and with, as it stands beside the figures."""

from __future__ import annotations

from typing import Any

import torch

from georet.config import RunConfig
from georet.evaluate.embed import size_shown
from georet.evaluate.score_files import versions
from georet.types import QUERY


def setting_of(config: RunConfig) -> dict[str, Any]:
    """Return data set, seed, image sizes, field of view and versions, as JSON values."""
    view = config.evaluate.field_of_view
    shown = {name: list(size) for name, size in config.data.size.items()}
    if view is not None and QUERY in config.data.size:
        shown[QUERY] = list(size_shown(QUERY, config.data, view))
    return {
        "dataset": config.dataset.name,
        "dataset_options": config.dataset.model_dump(mode="json", exclude={"name"}),
        "seed": config.seed,
        "size": shown,
        "field_of_view": None if view is None else field_of_view_line(config),
        "versions": {**versions(), "torch": torch.__version__},
    }


def field_of_view_line(config: RunConfig) -> str:
    """Return how much of the panoramas was shown, in words: always with the seed."""
    view = config.evaluate.field_of_view
    if view is None:
        return "whole images"
    height, width = size_shown(QUERY, config.data, view)
    heading = {
        "aligned": "around the middle column",
        "random": "around a random column of each image",
    }
    return (
        f"{view.degrees:g} degrees {heading[view.heading]}, seed {view.seed}, "
        f"{height} x {width} pixels"
    )

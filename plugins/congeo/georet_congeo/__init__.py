"""The plugin ``congeo``: views of one kind contrasted too, for any heading and field of view.

ConGeo (Mi et al., ECCV 2024, arXiv 2403.13965) shows each pair four times: panorama and tile, the
panorama turned by chance and cut to a field of view, the tile changed once more. The loss is
InfoNCE between panorama and tile, plus half of that between the two panoramas, half of that between
the two tiles, and a quarter of that between the cut panorama and the tile. From the paper: terms,
weights, the views, and the settings of the recipe ``cvusa``. Ours: ``doubled`` wraps any data set,
so each file is decoded twice; and references that are no negatives can be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def georet_losses() -> Iterable[Component]:
    """Declare the loss."""
    yield Component(
        "congeo",
        "georet_congeo.loss:ConGeo",
        summary="InfoNCE between both views, and within each (arXiv 2403.13965)",
    )


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the wrapper that gives each pair its images twice."""
    yield Component(
        "doubled",
        "georet_congeo.doubled:Doubled",
        summary="Another data set, with the views query_b and reference_b on the same files",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}

"""The plugin ``cityblocks``: procedural cities, street panoramas among overhead tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = "cityblocks"


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the data set, which is built and rendered at its first use."""
    yield Component(
        "cityblocks",
        "georet_cityblocks.dataset:CityBlocks",
        summary="Street panoramas among overhead tiles of cities made from a seed",
    )


@hookimpl
def georet_protocols() -> Iterable[Component]:
    """Declare how its results are counted."""
    yield Component(
        "cityblocks",
        "georet_cityblocks.protocol:factory",
        summary="Recall of a place's own tile, hit rate, errors of metres",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``, the default one first."""
    paths = sorted(RECIPES.glob("*.yaml"), key=lambda path: (path.stem != DEFAULT_RECIPE, path))
    return {path.stem: path for path in paths}

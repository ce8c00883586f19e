"""The plugin ``peng``: photos placed on the edges of a city's graph (Shore et al., RA-L 2025).

After the abstract of arXiv 2411.15742 and its published summary: a graph of junctions and points
between them, edges retrieved by two networks without shared weights, then the photo's pose against
the street images of those edges. The bearing filter is SpaGBOL's (arXiv 2409.15514). All else is
ours: networks and loss are Sample4Geo's, an edge is known by the tiles at its ends, poses come from
local features, landmarks and pairs, and the filter's bits are predicted, never the true ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Command, Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = "cityblocks"


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the data sets."""
    yield Component(
        "graph",
        "georet_peng.dataset:Graph",
        summary="City graphs: nodes.csv, edges.csv, street images and photos",
    )
    yield Component(
        "cityblocks_graph",
        "georet_peng.dataset:CityBlocksGraph",
        summary="CityBlocks' places and streets as city graphs",
    )


@hookimpl
def georet_transforms() -> Iterable[Component]:
    """Declare the transform."""
    yield Component(
        "window",
        "georet_peng.window:Window",
        summary="Blackens a panorama beyond a field of view",
    )


@hookimpl
def georet_protocols() -> Iterable[Component]:
    """Declare how photos among edges are counted."""
    yield Component(
        "edges",
        "georet_peng.protocol:factory",
        summary="Recall of the nearest edge, errors of metres",
    )


@hookimpl
def georet_refiners() -> Iterable[Component]:
    """Declare the second stage."""
    yield Component(
        "streets",
        "georet_peng.posing.refiner:Streets",
        summary="Poses among the street images of the best edges of a city graph",
    )


@hookimpl
def georet_rerankers() -> Iterable[Component]:
    """Declare the bearing filter."""
    yield Component(
        "bearings",
        "georet_peng.bearings.filtering:Bearings",
        summary="Edges whose streets lead where the photo shows streets come first",
    )


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``georet peng``."""
    yield Command("peng", "georet_peng.cli:app", summary="Place photos on a city's graph")


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``, the default one first."""
    paths = sorted(RECIPES.glob("*.yaml"), key=lambda path: (path.stem != DEFAULT_RECIPE, path))
    return {path.stem: path for path in paths}

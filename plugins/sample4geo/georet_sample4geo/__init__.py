"""The plugin ``sample4geo``: contrastive training with hard negatives (Deuser et al., ICCV 2023).

The components are lazy, so that importing this package imports neither torch nor timm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Command, Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = "orbitview"


@hookimpl
def georet_losses() -> Iterable[Component]:
    """Declare the symmetric InfoNCE loss."""
    yield Component(
        "info_nce",
        "georet_sample4geo.info_nce:InfoNCE",
        summary="Cross-entropy over the batch, from both sides, with label smoothing",
    )


@hookimpl
def georet_samplers() -> Iterable[Component]:
    """Declare the samplers that differ in where their hard negatives come from."""
    module = "georet_sample4geo.samplers"
    yield Component(
        "random", f"{module}:RandomSampler", summary="No reference twice in a batch, else by chance"
    )
    yield Component(
        "gps", f"{module}:GpsSampler", summary="Batches of geographic neighbours, without mining"
    )
    yield Component(
        "similarity",
        f"{module}:SimilaritySampler",
        summary="Batches of visual neighbours, mined again every few epochs",
    )
    yield Component(
        "sample4geo",
        f"{module}:Sample4GeoSampler",
        summary="Geographic neighbours first, visual ones after the first mining",
    )


@hookimpl
def georet_backbones() -> Iterable[Component]:
    """Declare timm's image networks."""
    yield Component(
        "timm",
        "georet_sample4geo.backbones:TimmBackbone",
        summary="Any network of timm, whole or cut short, with its weights and a head",
        requires=("timm",),
    )


@hookimpl
def georet_aggregators() -> Iterable[Component]:
    """Declare what makes a feature of a map and a class token."""
    module = "georet_sample4geo.heads"
    yield Component("avg", f"{module}:Mean", summary="The mean over the places of the map")
    yield Component("max", f"{module}:Max", summary="The largest value of each channel")
    yield Component("gem", f"{module}:GeM", summary="Generalised mean, its power learnt from 3")
    yield Component("cls", f"{module}:ClassToken", summary="The class token of a transformer")
    yield Component(
        "conv", f"{module}:Conv", summary="A 3x3 convolution over the map, then pooling"
    )
    yield Component(
        "grid", f"{module}:Grid", summary="The same, pooled in the cells of a coarse grid"
    )


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``georet import``."""
    yield Command(
        "import",
        "georet_sample4geo.importing:app",
        summary="Make a run out of released Sample4Geo weights",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``, the default one first."""
    paths = sorted(RECIPES.glob("*.yaml"), key=lambda path: (path.stem != DEFAULT_RECIPE, path))
    return {path.stem: path for path in paths}

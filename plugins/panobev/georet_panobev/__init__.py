"""The plugin ``panobev``: panoramas beside their bird's-eye view (EP-BEV, Ye et al., ECCV 2024)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def georet_backbones() -> Iterable[Component]:
    """Declare the backbones that know panoramas' geometry."""
    yield Component(
        "panobev",
        "georet_panobev.backbone:PanoBev",
        summary="Two trunks in one embedding: the panorama, and its bird's-eye view",
    )
    yield Component(
        "aligned",
        "georet_panobev.aligned:Aligned",
        summary="One trunk behind a warp: panoramas from above, or tiles in polar coordinates",
    )


@hookimpl
def georet_losses() -> Iterable[Component]:
    """Declare the loss that judges each stream by itself."""
    yield Component(
        "split",
        "georet_panobev.loss:Split",
        summary="Another loss on each part of the embedding, summed",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}

"""The plugin ``singeo``: one model for every field of view, which narrows as training goes on.

SinGeo (CVPR 2026, arXiv 2603.09377) contrasts the panorama and the tile with a panorama turned and
cut to a field, with a turned tile, and these with each other. A curriculum narrows the field from
360 to 70 degrees and turns ever more tiles, 25 to 100 %. Known through notes on the paper: the
terms, their weights, the schedules, optimiser and epochs of the recipe ``cvusa``. Details that
these leave open are ours: progress is that of the run, batch by batch, and a turn is one of three
quarters, equally likely. The pairs come from ``congeo:doubled``.
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
        "singeo",
        "georet_singeo.loss:SinGeo",
        summary="Cross-entropies across and within views that are ever harder (arXiv 2603.09377)",
    )


@hookimpl
def georet_transforms() -> Iterable[Component]:
    """Declare the transforms of the curriculum."""
    yield Component(
        "turn_more_often",
        "georet_singeo.curriculum:TurnMoreOften",
        summary="Turn the tile by quarters, with a probability that grows",
    )
    yield Component(
        "narrow_field",
        "georet_singeo.curriculum:NarrowField",
        summary="Turn a panorama and blank out all but a field that narrows, at full width",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}

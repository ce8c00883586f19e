"""The plugin ``orientation``: headings as a second task (Deuser et al., arXiv 2308.00982).

After the abstract: pseudo-labels by local matching, a light module that predicts the orientation
from both embeddings and is dropped after training, tiles turned to the photos. Details are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Command, Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def georet_losses() -> Iterable[Component]:
    """Declare the loss of the predicted heading."""
    yield Component(
        "orientation",
        "georet_orientation.loss:Orientation",
        summary="The angle between photo and tile, predicted from both embeddings",
    )


@hookimpl
def georet_transforms() -> Iterable[Component]:
    """Declare what turns tiles to their photos."""
    yield Component(
        "align_tile",
        "georet_orientation.align:AlignTile",
        summary="Turns the tile to the photo's heading, up to a random rest",
    )


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare a data set with pseudo-labels."""
    yield Component(
        "oriented",
        "georet_orientation.dataset:Oriented",
        summary="Another data set, its photos' headings from `georet data orient`",
    )


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``georet data orient``."""
    yield Command(
        "data orient",
        "georet_orientation.cli:app",
        summary="Find the headings of photos against their tiles, as labels to train with",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}

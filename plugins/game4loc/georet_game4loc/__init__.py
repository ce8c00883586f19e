"""The plugin ``game4loc``: drone photos and tiles that overlap in part, weighted by how much.

Game4Loc (Ji et al., AAAI 2025, arXiv 2409.16925) trains with every tile that a photo overlaps and
smooths the target of each pair the more, the less of it overlaps. From the paper and its settings:
the loss, k, the bounds of the overlap (0.39 positive, 0.14 semi-positive), mutually exclusive
batches, the layout of GTA-UAV, and the recipes. Ours: ``overlaps`` finds such pairs in any data
set that tells footprints or poses, and cameras look straight down where no tilt is told.
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
        "weighted_info_nce",
        "georet_game4loc.loss:WeightedInfoNCE",
        summary="InfoNCE, each pair smoothed by how little of it overlaps (arXiv 2409.16925)",
    )


@hookimpl
def georet_samplers() -> Iterable[Component]:
    """Declare the sampler."""
    yield Component(
        "mutually_exclusive",
        "georet_game4loc.sampler:MutuallyExclusive",
        summary="No photo and tile that overlap in one batch, other than as a pair",
    )


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the data sets."""
    yield Component(
        "overlaps",
        "georet_game4loc.overlaps:Overlaps",
        summary="Another data set, whose pairs are all that overlap, with the column iou",
    )
    yield Component(
        "gta_uav",
        "georet_game4loc.gta_uav:GtaUav",
        summary="GTA-UAV: photos of a game's drone among tiles of its map",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}

"""The plugin ``heads``: aggregators of visual place recognition, behind any trunk.

``mixvpr`` (Ali-bey et al., WACV 2023, arXiv 2303.02190) mixes the places of a map by MLPs and
learns a few weighted sums of them. ``boq`` (Ali-bey et al., CVPR 2024, arXiv 2405.07364) lets
learnt queries attend to the places. ``salad`` (Izquierdo, Civera, CVPR 2024, arXiv 2311.15937)
assigns places to clusters by optimal transport, with a dustbin for what tells nothing; its
transport is Sinkhorn's algorithm from the textbook. They take maps of convolutional networks and
of transformers alike; where a network has no class token, the map's mean takes its place in
``salad``, which is ours. Sizes are the papers' unless given. Embeddings of the papers have up to
12,288 values, and a gallery grows with them: ``embed_dim`` of the backbone puts a linear layer
behind, which is ours too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def georet_aggregators() -> Iterable[Component]:
    """Declare the aggregators."""
    yield Component(
        "mixvpr",
        "georet_heads.mixvpr:MixVPR",
        summary="Places mixed by MLPs, for images of one size (arXiv 2303.02190)",
    )
    yield Component(
        "boq",
        "georet_heads.boq:BoQ",
        summary="Learnt queries that attend to the places (arXiv 2405.07364)",
    )
    yield Component(
        "salad",
        "georet_heads.salad:Salad",
        summary="Places shared out among clusters by optimal transport (arXiv 2311.15937)",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}

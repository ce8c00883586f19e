"""The plugin ``vici``: street photos found by two branches, and put into order by a vision model.

VICI (arXiv 2507.04107) trains one DINOv2 for street photos and one for tiles with NT-Xent, now and
then with a drone photo in the place of the tile, and asks a vision-language model to put the ten
best tiles into order. From the paper and its code: branches, loss, optimiser, the swap's chance,
one prompt with the photo and its tiles, a JSON schema, temperature 0, the model's order or the sum
of both ranks. Ours: the swap draws from the images that a pair may show (``swapped``); any model
that speaks OpenAI's chat API, at the address that the user gives; ``pairwise``; asking twice and
keeping the order where the answers disagree; limits on all that is sent and spent.

The re-rankers send pictures away, so nothing happens unless one is named with its address, and a
line on stderr says what leaves the machine before the first byte does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the data set whose tiles are drone photos now and then."""
    yield Component(
        "swapped",
        "georet_vici.swapped:Swapped",
        summary="Another data set, whose tile is now and then a further view of the place",
    )


@hookimpl
def georet_rerankers() -> Iterable[Component]:
    """Declare the re-rankers, which send pictures to the address that is given."""
    yield Component(
        "listwise",
        "georet_vici.rerankers:Listwise",
        "georet_vici.rerankers:ListSettings",
        summary="A vision model orders all candidates at once; sends pictures to url=...",
    )
    yield Component(
        "pairwise",
        "georet_vici.rerankers:Pairwise",
        "georet_vici.rerankers:Settings",
        summary="A vision model compares two candidates at a time; sends pictures to url=...",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}

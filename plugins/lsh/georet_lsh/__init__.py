"""The plugin ``lsh``: hard negatives by codes of bits (arXiv 2505.17844).

The sampler ``lsh`` hashes the embeddings that training computes anyway into bits: the signs of
orthonormal random projections, each bit centred by its mean over the data set. Batches are filled
with what differs least in its bits, as Sample4Geo fills them with what is most alike. From the
paper: hash, centring, search for each reference among the queries, pools of 128, embeddings of the
epoch before. Ours: ``rerank`` orders more candidates by their exact cosines, which the paper does
without; ``keep: bits`` keeps nothing but codes (a 32nd of the memory), without centring; and
references that are no negatives of each other can be kept apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"


@hookimpl
def georet_samplers() -> Iterable[Component]:
    """Declare the sampler."""
    yield Component(
        "lsh",
        "georet_lsh.sampler:LshSampler",
        summary="Batches of visual neighbours, found by codes of bits (arXiv 2505.17844)",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}

"""The data set ``swapped``: now and then a further view of the place stands for its tile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.training import Dataset
from georet.errors import ConfigError
from georet.types import REFERENCE, EvaluationSet, ImageTable, Ints, PairTable

_SHARES = 1000


class Swapped:
    """The data set ``inner``, whose tile is an image of ``view`` with probability ``chance``.

    A pair may show any of the place's images of that view, all equally likely: those that ``inner``
    lists for it, else its own. The view itself is gone afterwards; a pair without such an image
    shows its tile. Evaluation sets are those of ``inner``. VICI, arXiv 2507.04107: drone photos,
    with 0.3.
    """

    def __init__(
        self,
        inner: ComponentSpec,
        context: BuildContext,
        *,
        view: str = "drone",
        chance: Annotated[float, Field(ge=0, le=1)] = 0.3,
    ) -> None:
        self.inner: Dataset = context.create("datasets", inner, "inner")
        self.view, self.chance = view, chance

    def train(self) -> PairTable:
        """Return the pairs with the images of ``view`` among the references' alternatives."""
        table = self.inner.train()
        names = list(table.views)
        if self.view not in names[2:]:
            raise ConfigError(
                f"the data set has no further view {self.view!r}",
                where="vici:swapped.view",
                hint=f"It has {', '.join(names)}.",
            )
        at, tiles = names.index(self.view), table.references
        shown = self._shown(table, table.pairs[:, at], len(tiles))
        return replace(
            table,
            views={
                name: joined(tiles, table.views[self.view]) if name == REFERENCE else images
                for name, images in table.views.items()
                if name != self.view
            },
            pairs=np.delete(table.pairs, at, axis=1),
            alternatives={
                **{v: rows for v, rows in table.alternatives.items() if v != self.view},
                REFERENCE: shown,
            },
        )

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the evaluation sets of ``inner``."""
        return self.inner.evaluations()

    def _shown(self, table: PairTable, own: Ints, num_tiles: int) -> list[list[int]]:
        """Return for each pair the rows that it may show, as often as they are likely."""
        listed: list[list[int]] = [[] for _ in own]
        for pair, image in zip(*table.listed(self.view), strict=True):
            listed[pair].append(int(image))
        found = []
        for pair, image in enumerate(own.tolist()):
            images = listed[pair] or ([image] if image >= 0 else [])
            tile = int(table.pairs[pair, 1])
            found.append(shares(tile, [num_tiles + row for row in images], self.chance))
        return found


def shares(tile: int, others: list[int], chance: float) -> list[int]:
    """Return a list in which the others come with probability ``chance``, else the tile.

    To a thousandth, or as fine as there are others.
    """
    if not others or chance == 0:
        return [tile]
    if chance == 1:
        return others
    times = max(1, round(_SHARES * chance / len(others)))
    num_others = times * len(others)
    return [tile] * max(1, round(num_others * (1 - chance) / chance)) + others * times


def joined(tiles: ImageTable, others: ImageTable) -> ImageTable:
    """Return the images of both tables; positions where both have them, columns that both have."""
    has_places = tiles.latlon is not None and others.latlon is not None
    return ImageTable(
        [*tiles.ids, *(f"swapped/{name}" for name in others.ids)],
        [*tiles.paths, *others.paths],
        np.concatenate([tiles.latlon, others.latlon]) if has_places else None,
        {
            name: np.concatenate([values, others.columns[name]])
            for name, values in tiles.columns.items()
            if name in others.columns
        },
        tiles.name,
    )

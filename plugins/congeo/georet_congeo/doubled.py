"""The data set ``doubled``: another one, whose images each pair shows twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.training import Dataset
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE, EvaluationSet, PairTable

SECOND: Final = {QUERY: "query_b", REFERENCE: "reference_b"}
"""What the second showing of each view is called."""


class Doubled:
    """The data set ``inner`` with two more views of each pair, ``query_b`` and ``reference_b``.

    They show the same files, or, where a place has several images, one of these drawn for
    themselves. ``data.size`` and ``data.augment`` say what is made of them. Nothing is judged by
    them: evaluation sets are those of ``inner``.
    """

    def __init__(self, inner: ComponentSpec, context: BuildContext) -> None:
        self.inner: Dataset = context.create("datasets", inner, "inner")

    def train(self) -> PairTable:
        """Return the pairs of ``inner``; ConfigError where it has such views already."""
        table = self.inner.train()
        taken = [name for name in SECOND.values() if name in table.views]
        if taken:
            raise ConfigError(
                f"the data set has a view {taken[0]!r} already",
                where="congeo:doubled.inner",
                hint="Wrap it once.",
            )
        views = {**table.views, **{SECOND[view]: table.views[view] for view in SECOND}}
        again = {SECOND[v]: rows for v, rows in table.alternatives.items() if v in SECOND}
        return replace(
            table,
            views=views,
            pairs=np.column_stack([table.pairs, table.pairs[:, :2]]),
            alternatives={**table.alternatives, **again},
        )

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the evaluation sets of ``inner``."""
        return self.inner.evaluations()

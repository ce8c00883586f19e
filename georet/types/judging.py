"""What judges an encoder: queries against a gallery, and how they were ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from georet.types.training import (
    QUERY,
    REFERENCE,
    Doubles,
    Floats,
    ImageTable,
    Ints,
    Positives,
)

Side = tuple[str, ImageTable]
"""A view and the images that are embedded by it."""


@runtime_checkable
class EvaluationProtocol(Protocol):
    """How the results of an evaluation set are counted; ``georet.evaluate.Protocol`` is one.

    All of it is read, nothing set. Figures under different ids are not comparable.
    """

    @property
    def id(self) -> str:
        """The name under which figures are published."""

    @property
    def num_top(self) -> int:
        """How many of the best references ``evaluate`` looks at, 1 or more."""

    @property
    def needs_positives(self) -> bool:
        """Whether somebody must say which references are right."""

    @property
    def needs_latlon(self) -> bool:
        """Whether queries and references must have positions."""

    @property
    def radius_m(self) -> float | None:
        """All references so near, in metres, are right; None: those that the set names."""

    def evaluate(self, ranking: Ranking, /) -> Mapping[str, float]:
        """Return {metric: value}, shares in percent, distances in metres."""

    def describe(self, ranking: Ranking, /) -> Mapping[str, Any]:
        """Return JSON values that stand beside the figures.

        ``text`` says what is counted, ``tie_rule`` how equal scores count, ``percent_rule`` what
        one percent of the references is (None: it isn't counted). ``georet.evaluate.described``
        returns them with the counts of the ranking.
        """


@dataclass(frozen=True)
class ViewPair:
    """Two further views of the same Q queries and R references, whose cosines are added.

    ``queries`` and ``gallery`` are tables of other images in the order of the set's own, None
    where those images are shown again, by another branch.
    """

    query_view: str
    gallery_view: str
    queries: ImageTable | None = None
    gallery: ImageTable | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class EvaluationSet:
    """Q queries against R references under a protocol; ``junk`` are gallery rows to ignore.

    ``query_view`` and ``gallery_view`` name the views (sizes, encoder's branches) that embed each
    side. With ``group`` [Q] the queries of one group become one, their mean embedding.
    ``protocol`` is a name that georet or a loaded plugin knows. With ``summed`` pairs of views,
    references are ranked by the weighted mean of the cosines, those of the set's own views with
    weight 1: the order of their sum.
    """

    queries: ImageTable
    gallery: ImageTable
    positives: Positives
    protocol: str | EvaluationProtocol
    junk: Ints | None = None
    about: str = ""
    query_view: str = QUERY
    gallery_view: str = REFERENCE
    group: Sequence[str] | None = None
    summed: Sequence[ViewPair] = ()

    @property
    def sides(self) -> list[tuple[float, Side, Side]]:
        """Weight, queries' side and gallery's side of all pairs of views, the set's own first."""
        own = ViewPair(self.query_view, self.gallery_view)
        return [
            (
                pair.weight,
                (pair.query_view, self.queries if pair.queries is None else pair.queries),
                (pair.gallery_view, self.gallery if pair.gallery is None else pair.gallery),
            )
            for pair in (own, *self.summed)
        ]

    def one_a_group(self) -> EvaluationSet:
        """Return the set as it is ranked: of each group, ascending, the first query stands for it.

        Its positives count for the group. Without groups this is the set itself; with them it knows
        nothing of ``summed`` views.
        """
        if self.group is None:
            return self
        first = np.unique(np.asarray(self.group), return_index=True)[1].astype(np.int64)
        rows, queries = self.positives, self.queries.take(first)
        positives = rows[first] if isinstance(rows, np.ndarray) else [rows[i] for i in first]
        return replace(self, queries=queries, positives=positives, group=None, summed=())


@dataclass(frozen=True)
class Ranking:
    """What a metric sees of Q ranked queries; ranks are 0-based, junk is already removed.

    ``rank`` int64[Q]: of the positive (of the best one where there are several), -1 without any.
    ``hit_rank`` int64[Q]: the same, semi-positives not counted. ``positive_ranks`` int64[M] with
    ``offsets`` int64[Q+1]: all positives of each query, ascending. ``top`` int64[Q, k] and
    ``top_score`` float32[Q, k]: the best references, best first. ``positives`` int64[M]: their
    rows, in the order of ``positive_ranks``; ``semi_positives`` int64[Q, S], -1 pads.

    Where an evaluation set was ranked, ``queries`` and ``gallery`` are its tables, with ids and
    metadata columns (with groups: the first image of each), and ``name`` is the set's; None and
    nothing for bare embeddings. Where a stage refined, ``predicted_latlon`` float64[Q, 2] and
    ``predicted_heading_deg`` float64[Q] are what it says of each photo, NaN where nothing.
    """

    rank: Ints
    hit_rank: Ints
    positive_ranks: Ints
    offsets: Ints
    top: Ints
    top_score: Floats
    num_references: int
    query_latlon: Doubles | None = None
    reference_latlon: Doubles | None = None
    positives: Ints | None = None
    semi_positives: Ints | None = None
    queries: ImageTable | None = None
    gallery: ImageTable | None = None
    name: str = ""
    predicted_latlon: Doubles | None = None
    predicted_heading_deg: Doubles | None = None

    @property
    def num_queries(self) -> int:
        """Q."""
        return len(self.rank)

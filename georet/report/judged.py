"""What all parts of a report look at: the run, its data, and how each query of a set fared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from georet.errors import DataError
from georet.geodesy import distance_m
from georet.report.records import Ranked, SetRecord
from georet.report.run_folder import RunFolder
from georet.types import Bools, Doubles, EvaluationSet, Ints, PairTable


@dataclass(frozen=True)
class JudgedSet:
    """An evaluation set of Q queries and R references, with the ranks that the run left of it."""

    name: str
    data: EvaluationSet
    ranked: Ranked

    @property
    def hits(self) -> Bools:
        """bool[Q]: the first reference is the right one."""
        return np.equal(self.ranked.rank, 0)

    @property
    def has_positions(self) -> bool:
        """Whether queries and references both have coordinates."""
        return self.data.queries.latlon is not None and self.data.gallery.latlon is not None

    @cached_property
    def error_m(self) -> Doubles:
        """float64[Q]: metres from each query to the reference that came first."""
        return self.distance_m(np.arange(len(self.ranked.rank)), self.ranked.top[:, 0])

    @cached_property
    def least_error_m(self) -> Doubles:
        """float64[Q]: metres from each query to its positive, the least error; NaN without one."""
        rows = self.ranked.positive
        return np.where(rows < 0, np.nan, self.distance_m(np.arange(len(rows)), rows))

    def distance_m(self, queries: Ints, references: Ints) -> Doubles:
        """Return metres float64[M] between rows of the queries and rows of the gallery."""
        here, there = self.data.queries.latlon, self.data.gallery.latlon
        if here is None or there is None:
            raise DataError(f"Queries and gallery of {self.name!r} don't both have coordinates.")
        return distance_m(here[queries], there[references])

    def kind_of(self, query: int, reference: int) -> str:
        """Return ``right``, ``near`` for a semi-positive, or ``wrong``."""
        positives = self.data.positives
        if reference not in np.atleast_1d(positives[query]).tolist():
            return "wrong"
        is_semi = isinstance(positives, np.ndarray) and reference != self.ranked.positive[query]
        return "near" if is_semi else "right"


@dataclass(frozen=True)
class RunReport:
    """A run and the data that it was trained and judged on."""

    run: RunFolder
    evaluations: Mapping[str, EvaluationSet]
    pairs: PairTable | None

    @cached_property
    def sets(self) -> dict[str, SetRecord]:
        """Metrics of all sets, the main one first."""
        known = self.run.sets
        order = [name for name in self.evaluations if name in known]
        return {n: known[n] for n in [*order, *(n for n in known if n not in order)]}

    @property
    def main(self) -> SetRecord:
        """The metrics of the set by which the run is judged."""
        if not self.sets:
            raise DataError("The run has no evaluation.")
        return next(iter(self.sets.values()))

    @cached_property
    def judged(self) -> JudgedSet:
        """The main set, query by query."""
        name = self.main.set
        if name not in self.evaluations:
            raise DataError(f"The images of {name!r} were not at hand.")
        if name not in self.run.ranked:
            raise DataError(f"The run left no ranks of {name!r}.")
        judged = JudgedSet(name, self.evaluations[name].one_a_group(), self.run.ranked[name])
        num_queries, num_references = len(judged.data.queries), len(judged.data.gallery)
        ranked = judged.ranked
        fits = len(ranked.rank) == num_queries and ranked.top.shape[1] > 0 and num_queries > 0
        # -1 pads the top of a gallery that is smaller than it, and stands for no positive.
        for rows, low in ((ranked.top[:, :1], 0), (ranked.top, -1), (ranked.positive, -1)):
            fits = fits and bool((rows >= low).all() and (rows < num_references).all())
        if not fits:
            raise DataError(f"The ranks of {judged.name!r} don't fit its queries and gallery.")
        return judged

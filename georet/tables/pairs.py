"""The training pairs: which images of which views belong together, and which may stand in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError
from georet.tables.arrays import QUERY, REFERENCE, Bools, Doubles, Ints, Ragged
from georet.tables.images import ImageTable, column_of


@dataclass(frozen=True)
class PairTable:
    """N training pairs over named views: ``pairs`` int64[N, V] holds rows of each view's table.

    The first view is ``query``, the second ``reference``; further ones are free (-1: the pair has
    none). ``semi_positives`` int64[N, S] are reference rows that show the query's place too (-1
    pads). ``columns`` are metadata of the pairs, for transforms and losses.

    Where a place has several images of a view, ``alternatives`` {view: int64[N, K] or N lists} are
    the rows that a pair may show, -1 pads: every visit draws one, each entry equally likely (list
    the pair's own row too, or it is never shown; a pair with none shows its own). ``pairs`` still
    says what is the same place: plans and mining know a pair by its own images alone.
    """

    views: Mapping[str, ImageTable]
    pairs: Ints
    semi_positives: Ints | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    alternatives: Mapping[str, Ragged] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = list(self.views)
        if names[:2] != [QUERY, REFERENCE]:
            raise DataError(f"views are {names}, the first two must be query and reference")
        if self.pairs.ndim != 2 or self.pairs.shape[1] != len(names):
            raise DataError(f"pairs have shape {self.pairs.shape}, wanted [N, {len(names)}]")
        for column, view in enumerate(names):
            rows, lowest = self.pairs[:, column], 0 if column < 2 else -1
            if len(rows) and (rows.min() < lowest or rows.max() >= len(self.views[view])):
                raise DataError(f"pairs point outside the {len(self.views[view])} {view} images")
        for name, values in self.columns.items():
            if len(values) != len(self):
                raise DataError(
                    f"column {name!r} has {len(values)} rows, there are {len(self)} pairs"
                )
        for view in self.alternatives:
            self._check_alternatives(view)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def queries(self) -> ImageTable:
        """The table of query images."""
        return self.views[QUERY]

    @property
    def references(self) -> ImageTable:
        """The table of reference images."""
        return self.views[REFERENCE]

    @cached_property
    def is_many_to_one(self) -> bool:
        """Whether some reference belongs to more than one pair."""
        return len(np.unique(self.pairs[:, 1])) < len(self)

    def column(self, name: str) -> NDArray[Any]:
        """Return the metadata column [N]; DataError that lists those there are."""
        return column_of(self.columns, name, "the training pairs")

    def draw(self, view: str, pairs: Ints, chances: Doubles) -> Ints:
        """Return the rows int64[B] of the images shown: for each pair one of its alternatives.

        ``chances`` float64[B] in 0..1 decide; without alternatives it is the pair's own image.
        """
        own: Ints = self.pairs[pairs, list(self.views).index(view)]
        if view not in self.alternatives:
            return own
        rows, offsets = self._flat[view]
        num = offsets[pairs + 1] - offsets[pairs]
        place = offsets[pairs] + (chances * num).astype(np.int64)
        # A pair that lacks the view lacks it, whatever is listed; and a list may be empty.
        is_drawn = (num > 0) & (own >= 0)
        shown = own.copy()
        shown[is_drawn] = rows[place[is_drawn]]
        return shown

    def listed(self, view: str) -> tuple[Ints, Ints]:
        """Return pair int64[M] and image int64[M] of all alternatives of a view."""
        if view not in self.alternatives:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        rows, offsets = self._flat[view]
        return np.repeat(np.arange(len(self)), np.diff(offsets)), rows

    def are_alternatives(self, view: str, pairs: Ints, shown: Ints) -> Bools:
        """Return bool[B, M]: whether image j of ``shown`` int64[M] is an alternative of pair i."""
        rows, offsets = self._flat[view]
        listed = [rows[offsets[pair] : offsets[pair + 1]] for pair in pairs]
        return np.stack([np.isin(shown, own) for own in listed])

    def _check_alternatives(self, view: str) -> None:
        if view not in self.views:
            raise DataError(
                f"alternatives are given for {view!r}, the views are {', '.join(self.views)}"
            )
        if len(self.alternatives[view]) != len(self):
            raise DataError(
                f"alternatives of {view} have {len(self.alternatives[view])} rows, there are "
                f"{len(self)} pairs"
            )
        rows, _ = self._flat[view]
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self.views[view])):
            raise DataError(f"alternatives point outside the {len(self.views[view])} {view} images")

    @cached_property
    def _flat(self) -> dict[str, tuple[Ints, Ints]]:
        """Return {view: all alternatives int64[M], where each pair's begin int64[N + 1]}."""
        return {view: _flattened(ragged) for view, ragged in self.alternatives.items()}


def _flattened(ragged: Ragged) -> tuple[Ints, Ints]:
    if isinstance(ragged, np.ndarray):
        is_entry = ragged != -1
        values, num = ragged[is_entry], is_entry.sum(axis=1)
    else:
        num = np.array([len(row) for row in ragged], np.int64)
        values = np.fromiter((value for row in ragged for value in row), np.int64, int(num.sum()))
    return values.astype(np.int64), np.concatenate([[0], np.cumsum(num)]).astype(np.int64)

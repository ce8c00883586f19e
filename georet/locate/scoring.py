"""What every tile of a gallery says to a photo: scored exactly, or as far as an index returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from georet.contracts.searching import Searchable
from georet.errors import DataError
from georet.ground.region import Region
from georet.locate.field import CONTENDERS, Field, best_of, heat_of, score_blocks
from georet.locate.voting import Votes
from georet.photos.camera.facts import CameraFacts
from georet.photos.framing import offsets_m
from georet.photos.photos import Photo
from georet.search.rows import Stored
from georet.search.served import search_within
from georet.types import Bools, Doubles, Floats


@dataclass(frozen=True)
class Query:
    """One place that is asked for: an image, and the embeddings ``views`` float32[V, D] of it.

    Of several photos there is one view, the sum of their embeddings. ``how`` says how views came,
    ``facts`` what is known of the camera.
    """

    name: str
    image: Photo
    views: Floats
    num_photos: int
    log_prior: Doubles | None
    facts: CameraFacts | None = None
    how: str = ""

    @cached_property
    def offsets_m(self) -> Doubles | None:
        """How far views lie from the photo's middle, metres east and north [V, 2].

        None unless they show neighbouring pieces of ground.
        """
        return offsets_m(self.how)

    def scores(self, embeddings: Floats) -> Floats:
        """Return the cosine float32[M] of each tile's embedding [M, D] and the view it suits."""
        found: Floats = (embeddings @ self.views.T).max(axis=1) / self.num_photos
        return found


@dataclass(frozen=True)
class Scoring:
    """Scores photos against the embeddings ``rows`` [R, D], all of them or what ``index`` returns.

    An index may do without ``rows``.

    ``sharpness`` is that of a prior beside the scores; with ``with_heat`` each photo's belief in
    every tile is kept.
    """

    rows: Stored | None
    index: Searchable | None
    num_tiles: int
    sharpness: float
    with_heat: bool
    votes: Votes

    def fields(
        self, queries: Sequence[Query], allowed: Bools | None, region: Region | None = None
    ) -> Iterator[tuple[Field, Floats]]:
        """Yield each photo's field of the tiles ``allowed`` bool[R], and its heat float32[R].

        ``region`` says the same as ``allowed``, to indexes that look for themselves.
        """
        embeddings = np.concatenate([query.views for query in queries])
        if self.index is not None:
            yield from self._indexed(queries, embeddings, allowed, region, self.index)
            return
        if self.rows is None:
            raise DataError("the gallery holds no embeddings to score", hint="Name an index.")
        blocks = score_blocks(embeddings, self.rows, allowed)
        rows = (row for _, scores in blocks for row in scores)
        for query in queries:
            best = next(rows)
            if query.offsets_m is not None:
                others = [next(rows) for _ in query.views[1:]]
                best = self.votes.pooled(np.stack([best, *others]), query.offsets_m)
            else:  # A tile counts by the view that suits it best.
                for _ in query.views[1:]:
                    best = np.maximum(best, next(rows))
            merits = self._merits(best, query.log_prior)
            yield best_of(merits, allowed), self._heat(merits, allowed)

    def _indexed(
        self,
        queries: Sequence[Query],
        embeddings: Floats,
        allowed: Bools | None,
        region: Region | None,
        index: Searchable,
    ) -> Iterator[tuple[Field, Floats]]:
        """Yield fields that hold only what an index returns."""
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        num = min(CONTENDERS, self.num_tiles)
        scores, rows = search_within(index, embeddings / lengths, num, allowed, region)
        scores = scores * lengths
        start = 0
        for query in queries:
            found = np.full((len(query.views), self.num_tiles), -np.inf, np.float32)
            for at, merits in enumerate(found, start):
                is_found = rows[at] >= 0
                np.maximum.at(merits, rows[at][is_found], scores[at][is_found])
            merits = found.max(axis=0)
            if query.offsets_m is not None:
                merits = self.votes.pooled(found, query.offsets_m)
            start += len(query.views)
            merits = self._merits(merits, query.log_prior)
            seen = np.isfinite(merits)
            yield best_of(merits, seen), self._heat(merits, seen)

    def _merits(self, scores: Floats, log_prior: Doubles | None) -> Floats:
        if log_prior is None:
            return scores
        return (scores + log_prior / self.sharpness).astype(np.float32)

    def _heat(self, merits: Floats, allowed: Bools | None) -> Floats:
        if not self.with_heat:
            return np.empty(0, np.float32)
        return heat_of(merits, allowed, self.sharpness)


def fused(queries: Sequence[Query], *, is_shared: bool) -> Query:
    """Return all queries as one: the sum of log beliefs is that of the sum of the embeddings."""
    known = [query.log_prior for query in queries if query.log_prior is not None]
    log_prior = known[0] if is_shared or len(known) == 1 else None
    if log_prior is None and known:
        log_prior = np.sum(known, axis=0)
    total = np.sum([query.views for query in queries], axis=0)
    name = " + ".join(query.name for query in queries)
    return Query(name, queries[0].image, total, len(queries), log_prior)

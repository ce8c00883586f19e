"""Exact rankings of a gallery for many queries, from embeddings alone, in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from georet.errors import DataError
from georet.evaluate.answers import Answers, answers, junk_rows, within
from georet.evaluate.protocols import both_latlon, protocol_of
from georet.geodesy import checked_latlon
from georet.sweep import CHUNK, Embeddings, SweepResult, Vectors, score_pairs, sweep, vectors
from georet.types import Doubles, EvaluationProtocol, Floats, Ints, Positives, Ranking

if TYPE_CHECKING:
    import torch


def rank_embeddings(
    query: Embeddings,
    reference: Embeddings,
    positives: Positives | None,
    *,
    protocol: str | EvaluationProtocol | None = None,
    junk: ArrayLike | None = None,
    query_latlon: ArrayLike | None = None,
    reference_latlon: ArrayLike | None = None,
    top_k: int = 10,
    chunk: int = CHUNK,
    device: str | torch.device | None = None,
) -> Ranking:
    """Rank references float[R, D] for queries float[Q, D] by cosine, exactly.

    ``positives``: int64[Q, P], the positive first, then semi-positives, -1 pads; or a list of rows
    for each query, all of them right. ``junk`` are rows int64[J] (or bool[R]) of references that
    leave the ranking. ``protocol`` matters where it defines positives by distance or wants a longer
    top; where it needs no positives they may be None. The Q x R scores are never held: memory is
    that of the embeddings and of ``chunk`` x 1024 scores. Raises DataError for what does not fit.
    """
    rules = None if protocol is None else protocol_of(protocol)
    sides = _sides(query, reference, query_latlon, reference_latlon)
    found = _answers(positives, rules, sides)
    ignored = junk_rows(junk, found, len(sides.reference))
    score = score_pairs(sides.query, sides.reference, found.query, found.positives)
    swept = sweep(
        sides.query,
        sides.reference,
        threshold=score,
        start=found.start,
        ignored=ignored,
        k=max(top_k, 1 if rules is None else rules.num_top),
        chunk=chunk,
        device=device,
    )
    return _ranking(sides, found, score, swept, ignored)


class RankedSides(NamedTuple):
    """Checked embeddings of both sides, and positions float64[Q, 2] and float64[R, 2] or None."""

    query: Vectors
    reference: Vectors
    query_latlon: Doubles | None
    reference_latlon: Doubles | None


def _sides(
    query: Embeddings,
    reference: Embeddings,
    query_latlon: ArrayLike | None,
    reference_latlon: ArrayLike | None,
) -> RankedSides:
    queries, references = (
        vectors(query, "query embeddings"),
        vectors(reference, "reference embeddings"),
    )
    for side, name in ((queries, "queries"), (references, "references")):
        if not len(side):
            raise DataError(f"there are no {name} to rank")
    return RankedSides(
        queries,
        references,
        _latlon(query_latlon, len(queries), "query_latlon"),
        _latlon(reference_latlon, len(references), "reference_latlon"),
    )


def _answers(
    positives: Positives | None, rules: EvaluationProtocol | None, sides: RankedSides
) -> Answers:
    if rules is not None and rules.needs_latlon:
        places = both_latlon(rules, sides.query_latlon, sides.reference_latlon)
        if rules.radius_m is not None:
            return within(rules.radius_m, *places)
    if positives is None:
        if rules is None or rules.needs_positives:
            raise DataError("no positives given", hint="Pass int64[Q, P] or a list of rows.")
        positives = np.full((len(sides.query), 1), -1)
    return answers(positives, len(sides.query), len(sides.reference))


def _ranking(
    sides: RankedSides, found: Answers, score: Floats, swept: SweepResult, ignored: Ints
) -> Ranking:
    places, order = _places(found, score, swept.above)
    rank = _first_of_each(places, found.start)
    return Ranking(
        rank=rank,
        hit_rank=rank - _num_semi_above(found, score, sides, ignored),
        positive_ranks=places,
        offsets=found.start,
        top=swept.top,
        top_score=_top_scores(sides, swept.top),
        num_references=len(sides.reference),
        query_latlon=sides.query_latlon,
        reference_latlon=sides.reference_latlon,
        positives=found.positives[order],
        semi_positives=found.semi_positives,
    )


def _latlon(latlon: ArrayLike | None, num: int, name: str) -> Doubles | None:
    if latlon is None:
        return None
    points = checked_latlon(latlon, where=name)
    if points.shape != (num, 2):
        raise DataError(f"shape {list(points.shape)}, wanted [{num}, 2]", where=name)
    return points


def _places(found: Answers, score: Floats, above: Ints) -> tuple[Ints, Ints]:
    """Return the places int64[M] of all positives, ascending for each query, and their order.

    A place is the number of references ahead. Of equal scores positives come before negatives, and
    one positive behind the other.
    """
    query = found.query
    # Queries stay in their blocks, so that ``start`` holds for the result too.
    order = np.lexsort((-score, query))
    position = np.arange(len(order))
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (np.diff(query) != 0) | (np.diff(score[order]) != 0)
    # ``above`` counts better positives as well. Of equal ones it counts none, so that each gets its
    # position within the run of equals on top; the maximum carries the start of the run along.
    first_equal = np.maximum.accumulate(np.where(is_new, position, 0))
    places: Ints = above[order] + position - first_equal
    return places, order


def _first_of_each(places: Ints, start: Ints) -> Ints:
    has_match = np.diff(start) > 0
    first = np.full(len(has_match), -1, np.int64)
    first[has_match] = places[start[:-1][has_match]]
    return first


def _top_scores(sides: RankedSides, top: Ints) -> Floats:
    """Return the cosines float32[Q, k] of the best references, -inf beside -1."""
    scores = np.full(top.shape, -np.inf, np.float32)
    query, column = np.nonzero(top >= 0)
    scores[query, column] = score_pairs(sides.query, sides.reference, query, top[query, column])
    return scores


def _num_semi_above(found: Answers, score: Floats, sides: RankedSides, ignored: Ints) -> Ints:
    """Return int64[Q]: semi-positives that score above the positive."""
    # Without a positive there is no score to compare with: ``start`` points at the next query's.
    semi, has_match = found.semi_positives, np.diff(found.start) > 0
    counts = (semi >= 0) & has_match[:, None] & ~np.isin(semi, ignored)
    query, column = np.nonzero(counts)
    semi_score = score_pairs(sides.query, sides.reference, query, semi[query, column])
    is_above = semi_score > score[found.start[query]]
    return np.bincount(query[is_above], minlength=len(semi)).astype(np.int64)

"""Fitting a calibration to queries whose places are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np
from scipy.optimize import isotonic_regression, minimize

from georet.geodesy import EARTH_RADIUS_M, arc_m, unit_vectors
from georet.locate.estimate import Place, Spread, mode_of, place_of, shifted, spread_of
from georet.locate.field import Field, best_of, score_blocks
from georet.locate.layout import Layout
from georet.locate.tuning import Tuning
from georet.search.rows import Stored
from georet.types import Bools, Doubles, Floats, Ints

_ANYWHERE: Final = 1e-3
"""Share of the likelihood that is spread over the whole Earth: no single query may decide."""
_SOFTNESS: Final = (0.15, 0.25, 0.4)
_BANDWIDTH: Final = (0.4, 0.55, 0.7)
_WIDER: Final = (1.0, 1.25, 1.5, 2.0)
_TUNED_ON: Final = 400
"""So many queries are enough to choose from a grid of a few values."""


@dataclass(frozen=True)
class KnownQueries:
    """Q queries whose places are known: their fields, and the truth as points float64[Q, 3]."""

    fields: Sequence[Field]
    truth: Doubles
    layout: Layout

    def __len__(self) -> int:
        return len(self.fields)

    def take(self, rows: Ints) -> KnownQueries:
        """Return the queries of the given rows int64[M]."""
        return KnownQueries([self.fields[row] for row in rows], self.truth[rows], self.layout)

    @cached_property
    def truth_m(self) -> Doubles:
        """Metres float64[Q, M] from each truth to the centres of its query's tiles."""
        points = self.layout.points
        return np.stack(
            [
                arc_m(np.linalg.norm(points[field.rows] - truth, axis=1))
                for field, truth in zip(self.fields, self.truth, strict=True)
            ]
        )


@dataclass(frozen=True)
class Outcomes:
    """How Q queries fared: float64[Q] errors in metres, belief mass up to the error and in reach.

    ``is_hit`` bool[Q]: the truth is within ``reach_m`` of the estimate; ``is_top_hit``: of the
    best tile's centre; ``is_nearest``: no tile's centre is nearer to the truth than the best one's,
    which is recall at 1. ``top_error_m`` is measured from that centre.
    """

    error_m: Doubles
    top_error_m: Doubles
    error_mass: Doubles
    reach_mass: Doubles
    is_hit: Bools
    is_top_hit: Bools
    is_nearest: Bools
    spreads: Sequence[Spread]


def known_queries(
    queries: Floats,
    latlon: Doubles,
    embeddings: Stored,
    layout: Layout,
    rerank: Callable[[int, Field], Field] | None = None,
) -> KnownQueries:
    """Return the fields of queries float32[Q, D], taken at latlon float64[Q, 2], in a gallery.

    ``rerank`` gets each query's number and field, and returns the field in a re-ranker's order.
    """
    fields: list[Field] = []
    for _, scores in score_blocks(queries, embeddings):
        fields.extend(best_of(row, None) for row in scores)
    if rerank is not None:
        fields = [rerank(at, field) for at, field in enumerate(fields)]
    return KnownQueries(fields, unit_vectors(latlon), layout)


def fit_tuning(known: KnownQueries) -> Tuning:
    """Return the tuning that makes the truth of the queries most likely and nearest."""
    tuning = _nearest(known, _likeliest(known))
    return _tightest(known, tuning)


def outcomes_of(
    known: KnownQueries, tuning: Tuning, places: Sequence[Place] | None = None
) -> Outcomes:
    """Return how the queries fare with a tuning; ``places`` are its estimates, where known."""
    if places is None:
        places = [place_of(field, known.layout, tuning) for field in known.fields]
    num, spreads = len(known), []
    error_m, top_error_m, error_mass, reach_mass = (np.empty(num) for _ in range(4))
    is_hit, is_top_hit, is_nearest = (np.empty(num, np.bool_) for _ in range(3))
    rows = zip(known.fields, known.truth, known.truth_m, places, strict=True)
    for at, (field, truth, truth_m, place) in enumerate(rows):
        spread = spread_of(field, known.layout, tuning, place.point)
        reach_m = float(known.layout.reach_m[place.row])
        top = int(field.rows[0])
        error_m[at] = _arc(place.point - truth)
        top_error_m[at] = _arc(known.layout.points[top] - truth)
        # Beyond all tiles no radius ends, so that no mass is enough.
        is_inside = error_m[at] <= spread.distance_m[-1]
        error_mass[at] = spread.mass_within(error_m[at]) if is_inside else np.inf
        reach_mass[at] = spread.mass_within(reach_m)
        is_hit[at] = error_m[at] <= reach_m
        is_top_hit[at] = top_error_m[at] <= known.layout.reach_m[top]
        is_nearest[at] = truth_m[0] <= truth_m.min()
        spreads.append(spread.thinned())
    return Outcomes(
        error_m, top_error_m, error_mass, reach_mass, is_hit, is_top_hit, is_nearest, spreads
    )


def conformal_mass(error_mass: Doubles, share: float) -> float:
    """Return the mass whose radius holds the truth of the next query with chance ``share``.

    ``error_mass`` float64[Q] is the belief nearer than each query's truth.

    Split conformal prediction with the belief's own distribution function as the score (V.
    Chernozhukov, K. Wuethrich and Y. Zhu, PNAS 118 (48), 2021): the ceil((n + 1) share)-th of n
    ascending masses; above all of them 1.
    """
    rank = int(np.ceil((len(error_mass) + 1) * share))
    return 1.0 if rank > len(error_mass) else min(1.0, float(np.sort(error_mass)[rank - 1]))


def confidence_knots(reach_mass: Doubles, is_hit: Bools) -> tuple[Doubles, Doubles]:
    """Return knots (mass, confidence) float64[K] of a map that never falls.

    Isotonic regression of hits on the belief within reach; each block becomes one knot at its mean
    mass. Half a hit and half a miss are added to each, so that none claims certainty.
    """
    order = np.argsort(reach_mass, kind="stable")
    mass, hits = reach_mass[order], is_hit[order].astype(np.float64)
    # scipy's stubs know only lists of floats here.
    fit: Any = isotonic_regression(hits)
    starts = np.asarray(fit.blocks[:-1], np.int64)
    sizes = np.diff(np.asarray(fit.blocks, np.float64))
    smoothed = (np.add.reduceat(hits, starts) + 0.5) / (sizes + 1)
    centres = np.add.reduceat(mass, starts) / sizes
    kept = np.append(np.diff(centres) > 0, True)
    return centres[kept], np.maximum.accumulate(smoothed)[kept]


def threshold_for(confidence: Doubles, is_hit: Bools, precision: float) -> float:
    """Return the least confidence above which this share of the answers is right.

    ``confidence`` float64[Q], ``is_hit`` bool[Q]. If no threshold reaches ``precision``, 1,
    which is above every confidence: no photo is answered rather than the promise broken.
    """
    order = np.argsort(-confidence, kind="stable")
    right = np.cumsum(is_hit[order]) / np.arange(1, len(order) + 1)
    # All queries of one confidence are answered or none of them.
    last = np.append(np.diff(confidence[order]) < 0, True)
    enough = np.flatnonzero(last & (right >= precision))
    return float(confidence[order][enough[-1]]) if len(enough) else 1.0


def _likeliest(known: KnownQueries) -> Tuning:
    """Return sharpness and spread of greatest likelihood: tiles as a mixture of Gaussians."""
    start, distance_m = Tuning(), known.truth_m
    sides = np.stack([known.layout.side_m[field.rows] for field in known.fields])
    merits = np.stack([field.merits for field in known.fields]).astype(np.float64)
    merits -= merits[:, :1]
    anywhere = _ANYWHERE / (4 * np.pi * EARTH_RADIUS_M**2)

    def cost(logs: Doubles) -> float:
        sharpness, spread = np.exp(logs)
        weights = np.exp(sharpness * merits)
        weights /= weights.sum(axis=1, keepdims=True)
        scale = (spread * sides) ** 2
        density = weights / (2 * np.pi * scale) * np.exp(-(distance_m**2) / (2 * scale))
        return -float(np.log(density.sum(axis=1) * (1 - _ANYWHERE) + anywhere).mean())

    logs = np.log([start.sharpness, start.spread])
    bounds = [(np.log(2.0), np.log(500.0)), (np.log(0.01), np.log(1.0))]
    found = minimize(
        cost, logs, method="Nelder-Mead", bounds=bounds, options={"xatol": 0.02, "fatol": 1e-4}
    )
    sharpness, spread = np.exp(found.x)
    return replace(start, sharpness=float(sharpness), spread=float(spread))


def _nearest(known: KnownQueries, tuning: Tuning) -> Tuning:
    """Return softness and bandwidth with the least mean error, errors capped at the reach."""
    some = known.take(np.arange(0, len(known), -(-len(known) // _TUNED_ON)))
    modes = [mode_of(field, known.layout, tuning) for field in some.fields]

    def cost(tried: Tuning) -> float:
        errors = []
        for field, at, truth in zip(some.fields, modes, some.truth, strict=True):
            point = shifted(field, known.layout, tried, at)
            reach_m = known.layout.reach_m[field.rows[at]]
            errors.append(min(_arc(point - truth), reach_m) / reach_m)
        return float(np.mean(errors))

    tried = [
        replace(tuning, softness=softness, bandwidth=bandwidth)
        for softness, bandwidth in product(_SOFTNESS, _BANDWIDTH)
    ]
    return min(tried, key=cost)


def _tightest(known: KnownQueries, tuning: Tuning) -> Tuning:
    """Return the spread that gives the smallest radii, in the geometric mean, at 90 %."""

    def cost(tried: Tuning) -> float:
        judged = outcomes_of(some, tried, places)
        mass = conformal_mass(judged.error_mass, 0.9)
        radii = [max(spread.radius_m(mass), 1.0) for spread in judged.spreads]
        return float(np.log(radii).mean())

    some = known.take(np.arange(0, len(known), -(-len(known) // _TUNED_ON)))
    places = [place_of(field, some.layout, tuning) for field in some.fields]
    return min((replace(tuning, spread=tuning.spread * wider) for wider in _WIDER), key=cost)


def _arc(difference: Doubles) -> float:
    return float(arc_m(np.linalg.norm(difference[None], axis=1))[0])

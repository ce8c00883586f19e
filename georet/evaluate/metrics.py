"""Metrics: pure functions of a Ranking. Shares are in percent of all queries, errors in metres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np

from georet.geodesy import arc_m, distance_m, unit_vectors
from georet.types import Bools, Doubles, Ints, Ranking

_NUM_LIMITS: Final = 6
_MOST_PLACES: Final = 10_000

PercentRule = Literal["floor(R/100)", "floor(0.01R)+1", "round(0.01R)+1"]

PERCENT_RULES: Final[dict[PercentRule, Callable[[int], int]]] = {
    "floor(R/100)": lambda num_references: max(1, num_references // 100),
    "floor(0.01R)+1": lambda num_references: num_references // 100 + 1,
    "round(0.01R)+1": lambda num_references: round(0.01 * num_references) + 1,
}
"""What "the best 1 %" of R references is, junk included: the published codes differ.

In order: Sample4Geo (at least 1 here); SAFA, VIGOR and GeoDTR; University-1652, which reads its
cumulative match curve at the 0-based place round(0.01 R).
"""


def recall_at(ranking: Ranking, k: int) -> float:
    """Return the share of queries with a positive among the ``k`` best; none is a miss."""
    return _percent((ranking.rank >= 0) & (ranking.rank < k))


def recall_at_percent(ranking: Ranking, rule: PercentRule) -> float:
    """Return recall at one percent of the references, as one of ``PERCENT_RULES`` counts it."""
    return recall_at(ranking, PERCENT_RULES[rule](ranking.num_references))


def hit_rate(ranking: Ranking) -> float:
    """Return the share of queries where nothing but semi-positives scores above the positive.

    VIGOR: Zhu, Yang, Chen, CVPR 2021.
    """
    return _percent(ranking.hit_rank == 0)


def average_precision(ranking: Ranking) -> float:
    """Return the mean over all queries of the area under precision and recall, by trapezia.

    With n positives at the 0-based places p_0 < p_1 < ... it is the sum over i of
    ((i + 1) / (p_i + 1) + i / p_i) / 2n, where i / p_i is 1 at p_i = 0; 0 for a query without a
    match. University-1652: Zheng, Wei, Yang, ACM MM 2020 (its code).
    """
    num = np.diff(ranking.offsets)
    query = np.repeat(np.arange(ranking.num_queries), num)
    place = ranking.positive_ranks.astype(np.float64)
    index = np.arange(len(place)) - ranking.offsets[query]
    before = np.divide(index, place, out=np.ones_like(place), where=place > 0)
    areas = ((index + 1) / (place + 1) + before) / (2 * num[query])
    return float(100 * areas.sum() / ranking.num_queries)


def errors_m(ranking: Ranking) -> Doubles:
    """Return the distances float64[Q] in metres of the answer from the true position.

    The answer is what a stage predicted; where none did, the best reference's position.
    """
    error_m = _top_distances(ranking, 1, distance_m)[:, 0]
    if ranking.predicted_latlon is None or ranking.query_latlon is None:
        return error_m
    is_there = np.isfinite(ranking.predicted_latlon).all(axis=1)
    error_m[is_there] = distance_m(
        ranking.query_latlon[is_there], ranking.predicted_latlon[is_there]
    )
    return error_m


def heading_errors_deg(ranking: Ranking) -> Doubles | None:
    """Return the errors float64[M] in degrees, 0 to 180, of the headings that were predicted.

    The truth is the queries' ``heading_deg``, clockwise from north; None without it, or where no
    stage predicts a heading.
    """
    table, found = ranking.queries, ranking.predicted_heading_deg
    if table is None or found is None or table.heading_deg is None:
        return None
    off = np.abs((found - table.heading_deg) % 360)
    errors: Doubles = np.minimum(off, 360 - off)
    return errors[np.isfinite(errors)]


def within_m(ranking: Ranking, limit_m: float) -> float:
    """Return the share of queries whose best reference lies within so many metres."""
    return _percent(errors_m(ranking) <= limit_m)


def distances(ranking: Ranking, limits_m: Sequence[float]) -> dict[str, float]:
    """Return shares of queries within each limit, median and 90th percentile of the error."""
    error_m = errors_m(ranking)
    shares = {f"within_{_readable(m)}": _percent(error_m <= m) for m in limits_m}
    median_m, p90_m = np.percentile(error_m, [50, 90])
    return shares | {"median_error_m": float(median_m), "p90_error_m": float(p90_m)}


def limits_of_scale(reference_latlon: Doubles) -> tuple[float, ...] | None:
    """Return six limits in metres that fit the spacing of references [R, 2]; None for one place.

    They are steps of 1, 2, 5, 10, ... from about a quarter of the median distance between
    neighbouring places to about ten times that distance, and at least 1 m.
    """
    from scipy.spatial import cKDTree

    places = np.unique(reference_latlon, axis=0)
    if len(places) < 2:
        return None
    points = unit_vectors(places)
    some = points[:: len(places) // _MOST_PLACES + 1]
    # The nearest point of each is itself.
    chords = np.asarray(cKDTree(points).query(some, k=2)[0], np.float64)[:, 1]
    spacing_m = float(arc_m(np.median(chords, keepdims=True))[0])
    steps = [digit * 10.0**power for power in range(8) for digit in (1, 2, 5)]
    first = int(np.searchsorted(steps, spacing_m / 4))
    return tuple(steps[min(first, len(steps) - _NUM_LIMITS) :][:_NUM_LIMITS])


def sdm(ranking: Ranking, k: int, *, unit: Literal["degrees", "metres"], decay: float) -> float:
    """Return the spatial distance metric SDM@k, the mean over queries, in percent.

    sum_{i=1..k} (k - i + 1) exp(-decay d_i) / sum_{i=1..k} (k - i + 1), d_i the distance of the
    i-th best. DenseUAV (Dai et al., arXiv 2201.09201): Euclidean in degrees, decay 5e3; GTA-UAV (Ji
    et al., arXiv 2409.16925): metres, decay 1e-3. A place that the gallery cannot fill counts as
    infinitely far.
    """
    distance = _degrees if unit == "degrees" else distance_m
    weight = np.arange(k, 0, -1)
    closeness = np.exp(-decay * _top_distances(ranking, k, distance))
    return float(100 * (closeness @ weight).mean() / weight.sum())


def _top_distances(
    ranking: Ranking, k: int, distance: Callable[[Doubles, Doubles], Doubles]
) -> Doubles:
    if ranking.query_latlon is None or ranking.reference_latlon is None:
        raise ValueError("the ranking has no coordinates")
    top = np.full((ranking.num_queries, k), -1, dtype=np.int64)
    top[:, : ranking.top.shape[1]] = ranking.top[:, :k]
    found = distance(ranking.query_latlon[:, None], ranking.reference_latlon[top])
    return np.where(top >= 0, found, np.inf)


def _degrees(a_latlon: Doubles, b_latlon: Doubles) -> Doubles:
    offset = a_latlon - b_latlon
    offset[..., 1] = (offset[..., 1] + 180) % 360 - 180
    length: Doubles = np.linalg.norm(offset, axis=-1)
    return length


def _percent(is_true: Bools | Ints) -> float:
    return float(100 * np.mean(is_true))


def _readable(metres: float) -> str:
    return f"{metres / 1000:g}km" if metres >= 10_000 else f"{metres:g}m"

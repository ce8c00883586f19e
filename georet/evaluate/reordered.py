"""A ranking whose best references were put into another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from georet.types import Ints, Ranking


def reordered(ranking: Ranking, orders: Sequence[Ints]) -> Ranking:
    """Return the ranking with the first len(order) references of each query in a new order.

    ``orders[q]`` int64[k] is a permutation of the first k places of ``ranking.top[q]``. Among them
    places are now places in a list, without ties; where an order changes nothing, and beyond all
    k, everything stays, so that ties count there as they did.
    """
    if ranking.positives is None or ranking.semi_positives is None:
        raise ValueError("the ranking doesn't say which references are right")
    top, top_score = ranking.top.copy(), ranking.top_score.copy()
    rank, hit_rank = ranking.rank.copy(), ranking.hit_rank.copy()
    positives, places = ranking.positives.copy(), ranking.positive_ranks.copy()
    for query, order in enumerate(orders):
        num = len(order)
        if np.array_equal(order, np.arange(num)):
            continue
        top[query, :num] = top[query, :num][order]
        top_score[query, :num] = top_score[query, :num][order]
        part = slice(int(ranking.offsets[query]), int(ranking.offsets[query + 1]))
        place_of = {row: at for at, row in enumerate(top[query, :num].tolist())}
        now = np.array([place_of.get(row, -1) for row in positives[part].tolist()], np.int64)
        # One that ties with the last of the k and is not among them comes right behind them.
        is_beyond = now < 0
        now[is_beyond] = np.maximum(places[part][is_beyond], num + np.arange(is_beyond.sum()))
        if not len(now):
            continue
        sequence = np.argsort(now, kind="stable")
        positives[part], places[part] = positives[part][sequence], now[sequence]
        semi = ranking.semi_positives[query]
        num_semi_above = int(rank[query] - hit_rank[query])
        rank[query] = places[part][0]
        if rank[query] < num:
            num_semi_above = sum(place_of.get(row, num) < rank[query] for row in semi.tolist())
        hit_rank[query] = rank[query] - num_semi_above
    return replace(
        ranking,
        rank=rank,
        hit_rank=hit_rank,
        positive_ranks=places,
        positives=positives,
        top=top,
        top_score=top_score,
    )

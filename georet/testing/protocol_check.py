"""The check for protocols."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from georet.evaluate.ranking import rank_embeddings
from georet.ground.wgs84 import square_corners
from georet.testing.expect import expect
from georet.types import Doubles, EvaluationProtocol, ImageTable, Ranking

NUM_QUERIES, NUM_REFERENCES, EMBED_DIM = 12, 30, 8


def check_protocol(protocol: EvaluationProtocol) -> None:
    """Raise AssertionError unless a protocol keeps the contract.

    Checked on a made-up ranking of 12 queries, of which the last has no match, among 30 references
    with positions, metadata columns and semi-positives; unless it needs them, also without
    positions and columns. The figures are finite numbers with names, the same ones when asked
    again, of a ranking that is left as it was; what ``describe`` says can be written as JSON.
    """
    expect(
        bool(protocol.id) and ":" not in str(protocol.id),
        f"its id is {protocol.id!r}",
        "Give it a name without a colon; georet puts the plugin's before it",
    )
    expect(
        protocol.num_top >= 1,
        f"num_top is {protocol.num_top!r}",
        "Say how many of the best references evaluate() looks at, 1 or more",
    )
    ranking = drawn_ranking(protocol)
    before = _bytes(ranking)
    found = _figures(protocol, ranking)
    expect(
        _figures(protocol, ranking) == found,
        "asked twice, the figures differ",
        "Draw nothing, and keep nothing between calls",
    )
    expect(_bytes(ranking) == before, "it changes the ranking it is given", "Work on copies")
    if not protocol.needs_latlon:
        bare = replace(ranking, query_latlon=None, reference_latlon=None)
        _figures(protocol, replace(bare, queries=None, gallery=None, name=""))
    said = protocol.describe(ranking)
    try:
        json.dumps(dict(said))
    except TypeError as error:
        raise AssertionError(f"describe() can't be written as JSON: {error}") from error


def drawn_ranking(protocol: EvaluationProtocol | str) -> Ranking:
    """Return an evaluation set's ranking of random embeddings, near their positives, by seed."""
    rng = np.random.default_rng(3)
    references = rng.normal(size=(NUM_REFERENCES, EMBED_DIM)).astype(np.float32)
    noise = rng.normal(size=(NUM_QUERIES, EMBED_DIM)).astype(np.float32)
    latlon = np.array([47.0, 8.0]) + 0.01 * rng.random((NUM_REFERENCES, 2))
    positives = np.stack([np.arange(NUM_QUERIES), np.arange(NUM_QUERIES) + NUM_QUERIES], axis=1)
    positives[-1] = -1
    ranking = rank_embeddings(
        references[:NUM_QUERIES] + noise,
        references,
        positives,
        protocol=protocol,
        query_latlon=latlon[:NUM_QUERIES],
        reference_latlon=latlon,
    )
    queries = _table("queries", latlon[:NUM_QUERIES])
    return replace(ranking, queries=queries, gallery=_table("gallery", latlon), name="drawn")


def _table(name: str, latlon: Doubles) -> ImageTable:
    ids = [f"{name}-{row}" for row in range(len(latlon))]
    side_m = np.full(len(ids), 900.0)
    return ImageTable(
        ids,
        [Path(f"{one}.jpg") for one in ids],
        latlon,
        name=name,
        corners_latlon=square_corners(latlon, side_m),
        side_m=side_m,
        heading_deg=np.linspace(0, 350, len(ids)),
        altitude_m=np.linspace(50, 500, len(ids)),
    )


def _figures(protocol: EvaluationProtocol, ranking: Ranking) -> dict[str, float]:
    found: object = protocol.evaluate(ranking)
    expect(
        isinstance(found, Mapping) and bool(found),
        f"evaluate() returned {found!r:.60}",
        "Return {metric: value}",
    )
    assert isinstance(found, Mapping)
    for name, value in found.items():
        is_number = isinstance(name, str) and math.isfinite(float(value))
        expect(is_number, f"{name!r} is {value!r}", "Leave out what can't be computed on a set")
    return {name: float(value) for name, value in found.items()}


def _bytes(ranking: Ranking) -> list[bytes]:
    arrays = (ranking.rank, ranking.hit_rank, ranking.positive_ranks, ranking.top)
    return [array.tobytes() for array in (*arrays, ranking.top_score)]

"""How fast and how right each index is on one gallery, against the exact search of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from georet.contracts.searching import Index
from georet.errors import UsageError
from georet.search.asking import ask
from georet.search.exact import ExactIndex
from georet.types import Floats, Ints

BATCHES: Final = (1, 32)
CALLS: Final = 60
"""Calls that are timed for each index and batch; fewer where the time is up."""
SECONDS: Final = 20.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds a query: the median over the calls, and what 90 % of them kept."""

    p50_ms: float
    p90_ms: float
    times_exact: float
    """By how much the median beats that of the exact search."""


@dataclass(frozen=True)
class Measured:
    """One index: time to build it, memory beyond the embeddings, recall and latency by batch."""

    name: str
    recall: float
    """Mean share of the exact k best that it finds."""
    build_s: float
    num_bytes: int | None
    note: str
    latency: Mapping[int, Latency]


@dataclass(frozen=True)
class Bench:
    """What was measured, and on what."""

    num_rows: int
    embed_dim: int
    num_queries: int
    queries: str
    """Which queries were asked."""
    k: int
    indexes: Sequence[Measured] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def measure_indexes(
    embeddings: Floats,
    queries: Floats,
    makers: Mapping[str, Callable[[], Index]],
    *,
    k: int = 10,
    about: str = "",
    batches: Sequence[int] = BATCHES,
    calls: int = CALLS,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.perf_counter,
    advance: Callable[[int], None] = lambda _: None,
) -> Bench:
    """Build each index over embeddings float32[R, D] and ask it queries float32[Q, D].

    ``makers`` are the indexes by name; ``exact`` is measured first in any case. Calls go round the
    indexes in turn, so that other load on the machine meets all alike, for at most ``seconds`` a
    batch size. ``clock`` gives seconds; ``time.process_time`` leaves out what other processes
    took, and serves for one thread. ``advance`` is called with 1 for each index built.

    Raises UsageError without queries or references.
    """
    if not len(queries) or not len(embeddings):
        raise UsageError("there is nothing to measure: no query, or no reference")
    built, build_s = {}, {}
    for name, make in {"exact": ExactIndex, **makers}.items():
        index, start = make(), time.perf_counter()
        index.add(embeddings, np.arange(len(embeddings)))
        build_s[name] = time.perf_counter() - start
        built[name] = index
        advance(1)
    found = {name: ask(index, queries, k)[1] for name, index in built.items()}
    times = {batch: _timed(built, queries, k, batch, calls, seconds, clock) for batch in batches}
    measured = [
        Measured(
            name=name,
            recall=overlap(found[name], found["exact"]),
            build_s=build_s[name],
            num_bytes=getattr(index, "num_bytes", None),
            note=str(getattr(index, "note", "")),
            latency={batch: _latency(times[batch], name) for batch in batches},
        )
        for name, index in built.items()
    ]
    return Bench(len(embeddings), embeddings.shape[1], len(queries), about, k, measured)


def overlap(found: Ints, exact: Ints) -> float:
    """Return the mean share of the exact ids int64[Q, k] that were found; pads don't count."""
    pairs = zip(found, exact, strict=True)
    shares = [len(np.intersect1d(a, b[b >= 0])) / max(1, (b >= 0).sum()) for a, b in pairs]
    return float(np.mean(shares))


def _timed(
    built: Mapping[str, Index],
    queries: Floats,
    k: int,
    batch: int,
    calls: int,
    seconds: float,
    clock: Callable[[], float],
) -> dict[str, list[float]]:
    """Return seconds a query of each call, by index."""
    times: dict[str, list[float]] = {name: [] for name in built}
    for index in built.values():
        index.search(queries[:batch], k)
    end = time.perf_counter() + seconds
    for call in range(calls):
        rows = (call * batch + np.arange(batch)) % len(queries)
        asked = queries[rows]
        for name, index in built.items():
            start = clock()
            index.search(asked, k)
            times[name].append((clock() - start) / batch)
        if time.perf_counter() > end:
            break
    return times


def _latency(times: Mapping[str, list[float]], name: str) -> Latency:
    own, exact = 1e3 * np.array(times[name]), 1e3 * np.array(times["exact"])
    # Of each round, as both then met the same load.
    gain = float(np.median(exact / own))
    return Latency(float(np.median(own)), float(np.percentile(own, 90)), gain)

"""Stages after the ranking, re-rankers and refiners, and what each of them brings."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np

from georet.blame import blaming, maker_of
from georet.contracts.refining import Refinement
from georet.contracts.training import Metric
from georet.data.images import read_image
from georet.errors import DataError, IntegrityError, Interrupted
from georet.evaluate.metrics import heading_errors_deg
from georet.evaluate.reordered import reordered
from georet.evaluate.scenes import Scene
from georet.evaluate.shares import figures_of
from georet.ground.images import without_ground
from georet.ranks.world import ALONE, Ranks
from georet.search.reranking import accepts, in_short, reordering_of
from georet.types import EvaluationSet, Ints, Ranking

RERANKERS: Final = "rerankers"
_NOWHERE: Final = (np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Stage:
    """A component of a ``kind``, made; it sees the ``top`` best references of each query.

    ``known`` are columns of the queries' table of which a refiner is told as of its camera.
    """

    component: Any
    kind: str
    id: str
    top: int
    options: Mapping[str, Any] = field(default_factory=dict)
    known: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return JSON values that tell which stage it is."""
        return {
            "stage": self.id,
            "kind": self.kind,
            "owner": maker_of(self.component).owner,
            "top": self.top,
            "options": dict(self.options),
            "known": list(self.known),
        }


@dataclass(frozen=True)
class StageResult:
    """The figures after a stage, and what they cost.

    ``num_touched`` queries have another order (of a refiner: a place); ``num_failed`` were left as
    they were because it raised, the first for the reason ``failure``. ``reasons`` counts what it
    said. ``seconds`` are those of all queries, pictures read included.
    """

    stage: Stage
    metrics: dict[str, float]
    ranking: Ranking
    num_touched: int
    num_failed: int
    failure: str
    reasons: Mapping[str, int]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return JSON values for a result's file."""
        num = self.ranking.num_queries
        return {
            **self.stage.as_json(),
            "metrics": self.metrics,
            "num_touched": self.num_touched,
            "share_touched": 100 * self.num_touched / num,
            "num_failed": self.num_failed,
            "failure": self.failure or None,
            "reasons": dict(self.reasons),
            "seconds_per_query": self.seconds / num,
        }


def check_places(name: str, which: EvaluationSet, stages: Sequence[Stage]) -> None:
    """Raise DataError where a refiner would work on a gallery whose ground isn't known.

    And where a stage is to be told of cameras what the queries' table doesn't say.
    """
    gallery = which.gallery
    lacking = without_ground(gallery)
    for stage in stages:
        for known in stage.known:
            which.queries.column(known)
        if stage.kind != RERANKERS and len(lacking):
            whole = "side_m" if gallery.latlon is not None else "latlon"
            raise DataError(
                f"refiner {stage.id} needs the places and ground sizes of tiles, the gallery has "
                + (f"no {whole!r}" if len(lacking) == len(gallery) else "none for some")
                + f" (of {gallery.ids[lacking[0]]!r}, for one)",
                where=name,
                hint="--only names sets that have both; a data set tells them as `latlon`, and as "
                "`side_m` or `corners_latlon` (georet.types.ImageTable).",
            )


def run_stages(
    scene: Scene,
    ranking: Ranking,
    stages: Sequence[Stage],
    *,
    top_k: int,
    metrics: Sequence[Metric] = (),
    advance: Callable[[int], None] = lambda _: None,
    ranks: Ranks = ALONE,
) -> tuple[StageResult, ...]:
    """Return what each stage makes of what the one before it left of a ranking.

    ``ranking`` keeps as many references as the widest stage sees; metrics see ``top_k``. ``ranks``
    share the queries.
    """
    results = []
    for stage in stages:
        ask = _rerank if stage.kind == RERANKERS else _refine
        work = partial(ask, scene, ranking, stage, advance)
        # One photo may take a hundred times as long as another.
        done = _Done.joined(ranks.by_share(ranking.num_queries, work, is_even=False))
        ranking = done.applied(ranking)
        shown = cut_to(ranking, top_k)
        figures = figures_of(ranks, shown, scene.which.protocol, metrics)
        # Measured against what it was told, it would say nothing.
        headings = None if "heading_deg" in stage.known else heading_errors_deg(shown)
        if headings is not None and len(headings):
            figures["median_heading_error_deg"] = float(np.median(headings))
        results.append(
            StageResult(
                stage=stage,
                metrics=figures,
                ranking=shown,
                num_touched=done.num_touched,
                num_failed=len(done.failures),
                failure=done.failures[0] if done.failures else "",
                reasons=dict(Counter(filter(None, done.reasons)).most_common()),
                seconds=done.seconds,
            )
        )
    return tuple(results)


def in_words(done: StageResult) -> list[str]:
    """Return what a stage did, in a line, and why it failed, if it did, in another."""
    num, stage = done.ranking.num_queries, done.stage
    did = "reordered" if stage.kind == RERANKERS else "placed"
    first = (
        f"{stage.id} (best {stage.top}) {did} {done.num_touched} of {num} queries "
        f"({100 * done.num_touched / num:.1f} %), {1000 * done.seconds / num:.1f} ms each"
    )
    if stage.known:
        first += f", told {', '.join(stage.known)} of each"
    lines = [first]
    if done.num_failed:
        lines.append(
            f"{stage.id} failed on {done.num_failed} of {num} queries, which it left as they were; "
            f"the first: {done.failure}"
        )
    return lines


def cut_to(ranking: Ranking, top_k: int) -> Ranking:
    """Return the ranking with its ``top_k`` best references alone."""
    return replace(ranking, top=ranking.top[:, :top_k], top_score=ranking.top_score[:, :top_k])


@dataclass
class _Done:
    """One stage's work on some queries: their new orders, or the places and headings found."""

    num_touched: int = 0
    failures: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    seconds: float = 0.0
    orders: list[Ints] = field(default_factory=list)
    found: list[tuple[float, float, float]] = field(default_factory=list)
    """Latitude, longitude and heading in degrees, NaN where there is none."""

    @classmethod
    def joined(cls, parts: Sequence[_Done]) -> _Done:
        """Return the work on the queries of all parts; its seconds are those of all ranks."""
        whole = cls()
        for part in parts:
            for name, value in vars(part).items():
                setattr(whole, name, getattr(whole, name) + value)
        return whole

    def applied(self, ranking: Ranking) -> Ranking:
        """Return the ranking as the stage leaves it."""
        if self.orders:
            return reordered(ranking, self.orders)
        table = np.array(self.found, np.float64).reshape(-1, 3)
        return replace(
            ranking, predicted_latlon=table[:, :2], predicted_heading_deg=table[:, 2].copy()
        )


def _rerank(
    scene: Scene, ranking: Ranking, stage: Stage, advance: Callable[[int], None], rows: slice
) -> _Done:
    done = _Done()
    for query in range(rows.start, rows.stop):
        start = time.perf_counter()
        tiles = scene.tiles(ranking, query, stage.top)
        found = reordering_of(
            stage.component,
            scene.which.queries.paths[query],
            [scene.which.gallery.paths[tile.row] for tile in tiles],
            partial(scene.context, query, tiles),
        )
        done.seconds += time.perf_counter() - start
        done.orders.append(found.order)
        done.num_touched += found.is_changed
        (done.failures if found.failed else done.reasons).append(found.reason)
        advance(1)
    return done


def _refine(
    scene: Scene, ranking: Ranking, stage: Stage, advance: Callable[[int], None], rows: slice
) -> _Done:
    done = _Done()
    is_told = accepts(stage.component, "camera")
    for query in range(rows.start, rows.stop):
        start = time.perf_counter()
        try:
            photo = read_image(scene.which.queries.paths[query], max_pixels=scene.max_pixels)
            tiles = scene.tiles(ranking, query, stage.top)
            camera = {"camera": scene.camera(query, stage.known)} if is_told else {}
            with blaming(stage.component, "refining"):
                found: object = stage.component(photo, tiles, **camera)
        except (Interrupted, IntegrityError):
            raise
        except Exception as error:
            found = None
            done.failures.append(in_short(error))
        done.seconds += time.perf_counter() - start
        advance(1)
        done.found.append(_NOWHERE)
        if found is None:
            continue
        if not isinstance(found, Refinement):
            raise maker_of(stage.component).broke(
                f"returned a {type(found).__name__}",
                "Return a georet.contracts.refining.Refinement.",
            )
        done.reasons.append(found.reason)
        if found.is_accepted and found.latlon is not None:
            done.num_touched += 1
            heading = np.nan if found.heading_deg is None else float(found.heading_deg)
            done.found[-1] = (float(found.latlon[0]), float(found.latlon[1]), heading)
    return done

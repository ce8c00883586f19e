"""PEnG's two stages on CityBlocks' held-out city: retrieval of edges, poses, bearing filter.

    georet train --recipe peng/cityblocks --out runs/peng
    georet peng learn runs/peng runs/bearings.safetensors
    python benchmarks/peng.py runs/peng runs/bearings.safetensors --out runs/peng-figures --save

Retrieval and filter are measured on --retrieved photos of the city, poses on --photos of them,
all drawn once.
What is measured of an evaluation set is kept in OUT as a file; sets that are there are not measured
again. --save writes benchmarks/results/peng.json, which docs/papers.md shows.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from georet.data.images import read_image
from georet.files import write_json
from georet.plugins import UNSAID
from georet.run_layout import EVENTS
from georet.types import Doubles, EvaluationSet, Ints
from georet_peng.asking import cities_of
from georet_peng.bearings.filtering import Bearings
from georet_peng.bearings.predicting import Directions
from georet_peng.city.graph import CityGraph
from georet_peng.city.layout import write_graph
from georet_peng.locating import Locator, Truth, record

RESULTS = Path(__file__).parent / "results/peng.json"
SETS = ("edges", "edges-180", "edges-90", "unknown", "unknown-90")
DEPTHS = (1, 5, 10)
CANDIDATES = (100, 200, 400, 800)


def measured(
    name: str, whole: EvaluationSet, locator: Locator, weights: Path, town: Path, num: int | None
) -> dict[str, Any]:
    """Return the figures of an evaluation set."""
    graph = locator.graph
    known = not name.startswith("unknown")
    rows = drawn(len(whole.queries), num)
    which = replace(
        whole, queries=whole.queries.take(rows), positives=np.asarray(whole.positives)[rows]
    )
    scores = _scores(which, locator, known)
    positives = np.asarray(which.positives)
    print(f"{name}: retrieval done", flush=True)
    figures: dict[str, Any] = {
        "set": name,
        "retrieval": retrieval(scores, positives, which, graph),
        "bearings": bearings(scores, positives, which, weights, town, known=known),
    }
    print(json.dumps(figures), flush=True)
    return figures


def retrieval(
    scores: Doubles, positives: Ints, which: EvaluationSet, graph: CityGraph
) -> dict[str, Any]:
    """Return recall of the nearest edge, and errors in metres of the best edge's middle."""
    ranks = _ranks(scores, positives[:, 0])
    near = np.array([
        min(_rank(scores[row], edge) for edge in positives[row][positives[row] >= 0])
        for row in range(len(scores))
    ])  # fmt: skip
    middle = graph.nodes_m[graph.ends].mean(axis=1)
    assert which.queries.latlon is not None
    true = graph.plane.metres(which.queries.latlon)
    error_m = np.hypot(*(middle[scores.argmax(axis=1)] - true).T)
    return {
        "photos": len(scores),
        "edges": scores.shape[1],
        **{f"recall@{k}": _percent(ranks < k) for k in DEPTHS},
        "recall_at": {str(k): _percent(near < k) for k in CANDIDATES},
        "median_m": float(np.median(error_m)),
    }


def bearings(
    scores: Doubles,
    positives: Ints,
    which: EvaluationSet,
    weights: Path,
    town: Path,
    *,
    known: bool,
) -> list[dict[str, Any]]:
    """Return recall without and with the filter by predicted bits, over all edges."""
    directions = Directions.load(weights)
    chances = [directions(read_image(path)) for path in which.queries.paths]
    rows, every = [], list(range(scores.shape[1]))
    before = _ranks(scores, positives[:, 0])
    rows.append({"mode": "none", **{f"recall@{k}": _percent(before < k) for k in DEPTHS}})
    for mode in ("filter", "weigh"):
        ranker = Bearings(
            weights=weights, graph=town, mode=mode, north="known" if known else "unknown"
        )
        after = []
        for row in range(len(scores)):
            ranked = np.argsort(-scores[row], kind="stable")[: ranker.max_candidates]
            order, _ = ranker.order(chances[row], ranked.tolist(), scores[row][ranked])
            places = np.flatnonzero(ranked[order] == positives[row, 0])
            after.append(int(places[0]) if len(places) else len(every))
        found = np.array(after)
        rows.append(
            {
                "mode": mode,
                **{f"recall@{k}": _percent(found < k) for k in DEPTHS},
                "gained@1": int(((found < 1) & (before >= 1)).sum()),
                "lost@1": int(((found >= 1) & (before < 1)).sum()),
                "gained@10": int(((found < 10) & (before >= 10)).sum()),
                "lost@10": int(((found >= 10) & (before < 10)).sum()),
            }
        )
    return rows


def poses(which: EvaluationSet, locator: Locator, num: int, *, known: bool) -> dict[str, Any]:
    """Return errors of positions and headings of ``num`` photos, drawn by a fixed seed."""
    queries, graph = which.queries, locator.graph
    assert queries.latlon is not None
    assert queries.heading_deg is not None
    rows = drawn(len(queries), num)
    began, found = time.perf_counter(), []
    for row in rows.tolist():
        canvas, heading = read_image(queries.paths[row]), float(queries.heading_deg[row])
        at = queries.latlon[row]
        truth = Truth((float(at[0]), float(at[1])), heading)
        answer = locator(queries.ids[row], canvas, heading if known else None, truth)
        found.append(record(answer, graph))
        if len(found) % 20 == 0:
            print(f"{len(found)} of {num} posed", flush=True)
    seconds = (time.perf_counter() - began) / max(1, len(found))
    return summary(found, locator.candidates) | {"seconds_a_photo": seconds}


def summary(found: list[dict[str, Any]], candidates: int) -> dict[str, Any]:
    """Return what is told of the records of photos whose poses were looked for."""
    placed_ones = [one for one in found if one["is_placed"]]
    error_m = np.array([one["error_m"] for one in found])
    own = np.array([one["error_m"] for one in placed_ones])
    heading_off = np.array([one["heading_error_deg"] for one in placed_ones])
    sigma_m = np.array([one["sigma_m"] for one in placed_ones])
    return {
        "photos": len(found),
        "candidates": candidates,
        "placed": _percent(np.array([one["is_placed"] for one in found])),
        "by_image": sum(one["by"] == "image" for one in placed_ones),
        "by_image_beyond_25_m": sum(
            one["by"] == "image" and one["error_m"] > 25 for one in placed_ones
        ),
        "retrieval_median_m": float(np.median([one["retrieval_error_m"] for one in found])),
        "median_m": float(np.median(error_m)),
        **{f"within_{m}_m": _percent(error_m <= m) for m in (1, 5, 25)},
        "placed_median_m": float(np.median(own)) if len(own) else None,
        "placed_beyond_25_m": int((own > 25).sum()),
        "placed_within_2_sigma": _percent(own <= 2 * sigma_m) if len(own) else None,
        "heading_median_deg": float(np.median(heading_off)) if len(own) else None,
    }


def drawn(every: int, num: int | None) -> Ints:
    """Return ``num`` rows of ``every``, ascending: the same ones each time, more hold fewer."""
    return np.sort(np.random.default_rng(0).permutation(every)[:num])


def _scores(which: EvaluationSet, locator: Locator, known: bool) -> Doubles:
    """Return float64[Q, E], as ``georet peng locate`` scores edges."""
    return np.stack(
        [locator.scores(read_image(path), 0.0 if known else None) for path in which.queries.paths]
    )


def _ranks(scores: Doubles, right: Ints) -> Ints:
    return np.array([_rank(scores[row], edge) for row, edge in enumerate(right)])


def _rank(scores: Doubles, edge: int) -> int:
    return int((scores > scores[edge]).sum())


def _percent(which: Any) -> float:
    return float(100 * np.mean(which))


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/peng-figures"))
    parser.add_argument("--photos", type=int, default=200, help="photos whose pose is looked for")
    parser.add_argument("--retrieved", type=int, help="photos of the first stage; by default all")
    parser.add_argument("--candidates", type=int, default=400, help="edges of the second stage")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    cities = cities_of(arguments.run, UNSAID)
    locator = Locator(arguments.run, cities.city, arguments.candidates)
    town = arguments.out / "town"
    if not town.exists():
        write_graph(cities.city, town)
    sets = cities.evaluations()
    rows = []
    for name in arguments.sets:
        path = arguments.out / f"{name}.json"
        if not path.is_file():
            figures = measured(
                name, sets[name], locator, arguments.weights, town, arguments.retrieved
            )
            write_json(path, figures)
        rows.append(json.loads(path.read_text()))
        if "poses" not in rows[-1] and arguments.photos:
            known = not name.startswith("unknown")
            rows[-1]["poses"] = poses(sets[name], locator, arguments.photos, known=known)
            write_json(path, rows[-1])
        print(json.dumps(rows[-1], indent=1), flush=True)
    if arguments.save:
        steps = (arguments.run / EVENTS).read_text().count('"event": "step"')
        write_json(RESULTS, {"steps": steps, "rows": rows})


if __name__ == "__main__":
    main()

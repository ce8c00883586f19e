"""Tables of docs/papers.md, from what benchmarks left in benchmarks/results/, if they did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from splicing import spliced

from results import RESULTS

VIEWS = {
    "edges": ("360", "known"),
    "edges-180": ("180", "known"),
    "edges-90": ("90", "known"),
    "unknown": ("360", "unknown"),
    "unknown-90": ("90", "unknown"),
}

POSES = (
    "Poses were looked for on some of these photos, drawn once. The refined median counts all of",
    "them, at the middle of the best edge where one was not placed.",
)
BEARINGS = (
    "Measured by `benchmarks/peng.py` on the held-out city of `cityblocks` (1,007 photos, 1,121",
    "edges) after the three epochs of the recipe, one seed; photos are drawn once. Retrieval is",
    "weak after so few steps. The filter works on the 200 best edges; what it gains and loses are",
    "photos whose nearest edge comes to be the first, or among the first ten.",
)


def with_papers(page: str) -> str:
    """Return docs/papers.md with its tables; one whose results aren't there is empty."""
    for name, (source, render) in TABLES.items():
        path = RESULTS / f"{source}.json"
        lines = render(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else ()
        page = spliced(page, source, lines, name)
    return page


def peng_poses(found: dict[str, Any]) -> Iterator[str]:
    """Yield errors of both stages by field of view."""
    if not any("poses" in row for row in found["rows"]):
        yield "Errors of poses on a whole city are still to be measured, by `benchmarks/peng.py`."
        return
    yield from POSES
    yield ""
    head = ("view", "heading", "photos", "R@1", "among the candidates", "retrieval, median")
    head += ("refined, median", "placed", "placed ones, median", "heading, median", "off by > 25 m")
    yield "| " + " | ".join(head) + " |"
    yield "|---:|---|" + "---:|" * (len(head) - 2)
    for row in found["rows"]:
        poses, edges = row.get("poses"), row["retrieval"]
        if poses is None:
            continue
        view, heading = VIEWS[row["set"]]
        among = edges["recall_at"][str(poses["candidates"])]
        yield (
            f"| {view} | {heading} | {poses['photos']} | {edges['recall@1']:.1f} | {among:.0f} % "
            f"| {poses['retrieval_median_m']:.0f} m | {poses['median_m']:.1f} m "
            f"| {poses['placed']:.0f} % | {poses['placed_median_m']:.2f} m "
            f"| {poses['heading_median_deg']:.1f} | {poses['placed_beyond_25_m']} |"
        )


def peng_bearings(found: dict[str, Any]) -> Iterator[str]:
    """Yield what the bearing filter by predicted bits gains and loses."""
    yield from BEARINGS
    yield ""
    yield "| view | heading | photos | filter | R@1 | R@5 | R@10 | gained, lost @1 | @10 |"
    yield "|---:|---|---:|---|---:|---:|---:|---:|---:|"
    for row in found["rows"]:
        for mode in row["bearings"]:
            recalls = " | ".join(f"{mode[f'recall@{k}']:.1f}" for k in (1, 5, 10))
            moved = [
                f"{mode[f'gained@{k}']}, {mode[f'lost@{k}']}" if f"lost@{k}" in mode else ""
                for k in (1, 10)
            ]
            num = str(row["retrieval"]["photos"])
            cells = " | ".join((*VIEWS[row["set"]], num, mode["mode"], recalls, *moved))
            yield f"| {cells} |"


def methods(found: dict[str, Any]) -> Iterator[str]:
    """Yield recalls of the methods that were trained side by side, a table for each group."""
    head = ("judged with", "method", "steps", "R@1, each seed", "mean", "difference")
    head += ("R@10, mean", "difference")
    yield "| " + " | ".join(head) + " |"
    yield "|---|---|" + "---:|" * (len(head) - 2)
    compared = {row["group"] for row in found["rows"] if "difference" in row["recall@1"]}
    for row in [row for row in found["rows"] if row["group"] in compared]:
        one, ten = row["recall@1"], row["recall@10"]
        seeds = " / ".join(f"{value:.1f}" for value in one["values"])
        steps = " / ".join(f"{each:,}" for each in row["steps"])
        cells = [row["judged"], row["method"], steps, seeds]
        for recall in (one, ten):
            cells += [f"{recall['mean']:.1f}", _lead(recall)]
        yield f"| {' | '.join(cells)} |"


def _lead(recall: dict[str, Any]) -> str:
    """Return the difference to the group's baseline with its interval, empty for itself."""
    if "difference" not in recall:
        return ""
    half = recall["half"]
    return f"{recall['difference']:+.1f}" + ("" if half is None else f" ± {half:.1f}")


TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], Iterator[str]]]] = {
    "poses": ("peng", peng_poses),
    "bearings": ("peng", peng_bearings),
    "methods": ("papers", methods),
}

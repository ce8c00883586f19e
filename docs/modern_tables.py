"""Tables of docs/modern.md, from benchmarks/results/modern.json and modern_time.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from splicing import spliced

from results import RESULTS

K = ("recall@1", "recall@10")
BASE = "sample4geo"


def with_modern(page: str) -> str:
    """Return docs/modern.md with its tables."""
    rows = json.loads((RESULTS / "modern.json").read_text(encoding="utf-8"))["rows"]
    for name, is_untouched in (("chosen", False), ("confirmed", True)):
        table = _table([row for row in rows if row["untouched"] == is_untouched])
        page = spliced(page, "modern", table, name)
    times = json.loads((RESULTS / "modern_time.json").read_text(encoding="utf-8"))["rows"]
    return spliced(page, "modern_time", _times(times), "time")


def _times(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each seed: both ways, and what the second takes of the first."""
    yield "| seed | README: R@1 | s | CPU s | modern: R@1 | s | CPU s | time | CPU time | load |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    ways = {(row["seed"], row["way"]): row for row in rows}
    for seed in sorted({row["seed"] for row in rows}):
        one, other = ways[seed, "README"], ways[seed, "modern"]
        cells = [str(seed)]
        for row in (one, other):
            cells += [f"{row['recall@1']:.1f}", f"{row['seconds']:.0f}", f"{row['cpu_s']:.0f}"]
        cells += [f"{other[key] / one[key]:.2f}" for key in ("seconds", "cpu_s")]
        yield f"| {' | '.join(cells)} | {one['load']:.0f}, {other['load']:.0f} |"


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    has_beside = any("beside" in row for row in rows)
    last = " R@1 to mixvpr |" if has_beside else ""
    yield f"| world | factor | level | seeds | steps | R@1 | difference | R@10 | difference |{last}"
    yield f"|---|---|---|---:|---:|---:|---:|---:|---:|{'---:|' if has_beside else ''}"
    for row in rows:
        steps = "/".join(map(str, row["steps"]))
        cells = [row["world"], row["factor"], row["level"], str(len(row["seeds"])), steps]
        for key in K:
            cells += [
                f"{row[key]['mean']:.1f}",
                "" if row["level"] == BASE else _difference(row[key]),
            ]
        cells += [_difference(row.get("beside", {}))] if has_beside else []
        yield f"| {' | '.join(cells)} |"
    num = sum(row["level"] != BASE for row in rows)
    yield ""
    yield f"{num} comparisons."


def _difference(figures: dict[str, Any]) -> str:
    if figures.get("difference") is None:
        return ""
    half = figures["half"]
    return f"{figures['difference']:+.1f}" + ("" if half is None else f" ± {half:.1f}")

"""Tables of docs/modern.md, from benchmarks/results/modern.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from results import RESULTS

K = ("recall@1", "recall@10")
BASE = "sample4geo"


def with_modern(page: str) -> str:
    """Return docs/modern.md with its tables."""
    found = json.loads((RESULTS / "modern.json").read_text(encoding="utf-8"))
    for name, is_untouched in (("chosen", False), ("confirmed", True)):
        begin = f"<!-- Generated from benchmarks/results/modern.json: {name}. -->\n"
        end = f"<!-- Generated until here: {name}. -->\n"
        if page.count(begin) != 1:
            raise ValueError(f"the page must have this line once: {begin}")
        head, _, rest = page.partition(begin)
        body = "\n".join(_table([r for r in found["rows"] if r["untouched"] == is_untouched]))
        page = f"{head}{begin}\n{body}\n\n{end}{rest.partition(end)[2]}"
    return page


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| world | factor | level | seeds | steps | R@1 | difference | R@10 | difference |"
    yield "|---|---|---|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        steps = "/".join(map(str, row["steps"]))
        cells = [row["world"], row["factor"], row["level"], str(len(row["seeds"])), steps]
        for key in K:
            cells += [
                f"{row[key]['mean']:.1f}",
                "" if row["level"] == BASE else _difference(row[key]),
            ]
        yield f"| {' | '.join(cells)} |"
    num = sum(row["level"] != BASE for row in rows)
    yield ""
    yield f"{num} comparisons."


def _difference(figures: dict[str, Any]) -> str:
    if figures.get("difference") is None:
        return ""
    half = figures["half"]
    return f"{figures['difference']:+.1f}" + ("" if half is None else f" ± {half:.1f}")

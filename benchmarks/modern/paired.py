"""Differences of paired seeds, with intervals of Student's t."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from scipy.stats import t

from factors import BASE, WORLDS

CONFIDENCE = 0.95
K = ("recall@1", "recall@10")


def rows(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each world, factor and level: means, differences to BASE by seed."""
    by_cell = {(f["world"], f["factor"], f["level"], f["seed"]): f["metrics"] for f in found}
    kinds = list(dict.fromkeys((f["world"], f["factor"], f["level"]) for f in found))
    kinds.sort(key=lambda kind: (list(WORLDS).index(kind[0]), kind[1] != BASE))
    result = []
    for world, factor, level in kinds:
        own = [f for f in found if (f["world"], f["factor"], f["level"]) == (world, factor, level)]
        seeds = sorted(f["seed"] for f in own)
        row: dict[str, Any] = {
            "world": world,
            "untouched": WORLDS[world].is_untouched,
            "factor": factor,
            "level": level,
            "seeds": seeds,
            "steps": sorted({f["steps"] for f in own}),
        }
        for key in K:
            values = [by_cell[world, factor, level, seed][key] for seed in seeds]
            pairs = [
                value - by_cell[base][key]
                for seed, value in zip(seeds, values, strict=True)
                if (base := (world, BASE, BASE, seed)) in by_cell
            ]
            row[key] = {"mean": statistics.mean(values), "values": values, "differences": pairs}
            if pairs:
                row[key] |= {"difference": statistics.mean(pairs), "half": half_width(pairs)}
        result.append(row)
    return result


def half_width(differences: Sequence[float]) -> float | None:
    """Return half the width of the interval of the mean, None for a single difference."""
    num = len(differences)
    if num < 2:
        return None
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, num - 1))
    return quantile * statistics.stdev(differences) / float(num**0.5)


def shown(table: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the rows as Markdown."""
    yield "| world | factor | level | seeds | R@1 | difference | R@10 | difference |"
    yield "|---|---|---|---:|---:|---:|---:|---:|"
    for row in table:
        cells = [row["world"], row["factor"], row["level"], str(len(row["seeds"]))]
        for key in K:
            cells += [
                f"{row[key]['mean']:.1f}",
                "" if row["level"] == BASE else _difference(row[key]),
            ]
        yield f"| {' | '.join(cells)} |"


def _difference(figures: dict[str, Any]) -> str:
    if "difference" not in figures:
        return ""
    half = figures["half"]
    return f"{figures['difference']:+.1f}" + ("" if half is None else f" ± {half:.1f}")

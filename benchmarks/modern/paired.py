"""Differences of paired seeds, with intervals of Student's t."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scipy.stats import t

from factors import BASE, BESIDE, WORLDS

CONFIDENCE = 0.95
K = ("recall@1", "recall@10")
_Cell = tuple[str, str, str, int]
"""World, factor, level, seed."""


def rows(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each world, factor and level: means, differences to BASE by seed.

    Where a level has one thing more than another one, ``beside`` is its R@1 less that one's.
    """
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
            values = {seed: by_cell[world, factor, level, seed][key] for seed in seeds}
            row[key] = {"mean": statistics.mean(values.values()), "values": [*values.values()]}
            row[key] |= _paired(values, _of(by_cell, (world, BASE, BASE), key))
        if factor in BESIDE:
            values = {seed: by_cell[world, factor, level, seed][K[0]] for seed in seeds}
            row["beside"] = _paired(values, _of(by_cell, (world, *BESIDE[factor]), K[0]))
        result.append(row)
    return result


def _of(by_cell: Mapping[_Cell, Any], kind: tuple[str, str, str], key: str) -> dict[int, float]:
    return {cell[3]: metrics[key] for cell, metrics in by_cell.items() if cell[:3] == kind}


def _paired(values: Mapping[int, float], others: Mapping[int, float]) -> dict[str, Any]:
    """Return the differences of the seeds that both have, their mean and its interval."""
    pairs = [value - others[seed] for seed, value in values.items() if seed in others]
    if not pairs:
        return {"differences": []}
    return {
        "differences": pairs,
        "difference": statistics.mean(pairs),
        "half": half_width(pairs),
    }


def half_width(differences: Sequence[float]) -> float | None:
    """Return half the width of the interval of the mean, None for a single difference."""
    num = len(differences)
    if num < 2:
        return None
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, num - 1))
    return quantile * statistics.stdev(differences) / float(num**0.5)


def shown(table: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the rows as Markdown."""
    yield "| world | factor | level | seeds | R@1 | difference | R@10 | difference | to mixvpr |"
    yield "|---|---|---|---:|---:|---:|---:|---:|---:|"
    for row in table:
        cells = [row["world"], row["factor"], row["level"], str(len(row["seeds"]))]
        for key in K:
            cells += [
                f"{row[key]['mean']:.1f}",
                "" if row["level"] == BASE else _difference(row[key]),
            ]
        yield f"| {' | '.join([*cells, _difference(row.get('beside', {}))])} |"


def _difference(figures: dict[str, Any]) -> str:
    if "difference" not in figures:
        return ""
    half = figures["half"]
    return f"{figures['difference']:+.1f}" + ("" if half is None else f" ± {half:.1f}")

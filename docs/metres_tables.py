"""Tables of docs/metres.md, from benchmarks/results/metres.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from results import RESULTS

LEVELS = {
    "weak": "same imagery, other light",
    "strong": "same imagery, other light, season, air, shadows",
    "sensor": "another sensor",
    "infrared": "near infrared",
    "old": "coarser map, a quarter replaced; relief",
}


def with_metres(page: str) -> str:
    """Return docs/metres.md with its tables."""
    found = json.loads((RESULTS / "metres.json").read_text(encoding="utf-8"))
    for name, render in TABLES.items():
        begin = f"<!-- Generated from benchmarks/results/metres.json: {name}. -->\n"
        end = f"<!-- Generated until here: {name}. -->\n"
        if page.count(begin) != 1:
            raise ValueError(f"the page must have this line once: {begin}")
        head, _, rest = page.partition(begin)
        body = "\n".join(render(found))
        page = f"{head}{begin}\n{body}\n\n{end}{rest.partition(end)[2]}"
    return page


def cells(found: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each level, mode and tilt."""
    head = ("photo against map", "asked, told", "tilt", "photos", "accepted", "map px, median")
    head += ("90 %", "within 1 px", "heading, median", "wrong", "CPU ms")
    yield "| " + " | ".join(head) + " |"
    yield "|---|---|" + "---:|" * (len(head) - 2)
    for row in found["cells"]:
        shown = (
            LEVELS[row["level"]] if row["tilt"] is None else "",
            row["mode"],
            "all" if row["tilt"] is None else f"{row['tilt']}°",
            str(row["num"]),
            f"{100 * row['accepted']:.0f} %",
            number(row["px_50"], ".2f"),
            number(row["px_90"], ".2f"),
            "" if row["within_px"] is None else f"{100 * row['within_px']:.0f} %",
            "" if row["heading_50"] is None else f"{row['heading_50']:.2f}°",
            str(row["gross"]),
            f"{row['ms']:.0f}",
        )
        yield "| " + " | ".join(shown) + " |"


def wrong(found: dict[str, Any]) -> Iterator[str]:
    """Yield what refiners make of tiles that don't show the photo."""
    yield "| refiner | pairs | accepted | clearest | CPU ms |"
    yield "|---|---:|---:|---:|---:|"
    for name, row in found["wrong"].items():
        values = f"{row['num']:,} | {row['accepted']} | {row['highest']:.1f}"
        yield f"| `{name}` | {values} | {number(row['ms'], '.0f')} |"


def radii(found: dict[str, Any]) -> Iterator[str]:
    """Yield how radii hold on a site that were learnt on the others."""
    yield "| asked, told | site | places | in 50 % radius | in 90 % | with the floor | |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for row in found["radii"]:
        keys = ("covered_50", "covered_90", "floored_50", "floored_90")
        shares = " | ".join(f"{100 * row[key]:.0f} %" for key in keys)
        yield f"| {row['mode']} | {row['site']} | {row['num']} | {shares} |"


def number(value: float | None, how: str) -> str:
    """Return a number as text, nothing for None."""
    return "" if value is None else format(value, how)


TABLES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "cells": cells,
    "wrong": wrong,
    "radii": radii,
}
"""{name of a table: what renders it}"""

"""Tables of docs/own-map.md, from benchmarks/results/adapt.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from splicing import spliced

from results import RESULTS

UNSEEN = "ground held out"


def with_adapt(page: str) -> str:
    """Return docs/own-map.md with its tables."""
    found = json.loads((RESULTS / "adapt.json").read_text(encoding="utf-8"))
    for name, render in {"scenes": scenes, "recall": recall, "radii": radii}.items():
        page = spliced(page, "adapt", render(found), name)
    return page


def scenes(found: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each map: what was asked, and what it cost."""
    yield "| map | tiles | of | trained on | its half alone | judged | CPU s |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, each in found.items():
        asked = each["settings"]
        side = asked["side_m"]
        size = f"{side:.0f} m" if side < 1000 else f"{side / 1000:.0f} km"
        cells = (each["tiles"], size, each["pairs"], each["pairs_elsewhere"], asked["judged"],
                 f"{each['cpu_s']:.0f}" if "cpu_s" in each else "?")  # fmt: skip
        yield f"| {name} | " + " | ".join(map(str, cells)) + " |"


def recall(found: dict[str, Any]) -> Iterator[str]:
    """Yield recall@1 before and after, by set and by what is told of the camera."""
    yield "| photos | " + " | ".join(f"{name}, before | after" for name in found) + " |"
    yield "|---|" + "---:|---:|" * len(found)
    first = next(iter(found.values()))
    for name, modes in first["adapted"].items():
        for mode in modes:
            cells: list[str] = []
            for each in found.values():
                after = each["adapted_elsewhere" if name == UNSEEN else "adapted"]
                shown = (each["before"][name][mode], after[name][mode])
                cells += [f"{values['recall@1']:.0f}" for values in shown]
            yield f"| {name}, {mode} | " + " | ".join(cells) + " |"


def radii(found: dict[str, Any]) -> Iterator[str]:
    """Yield which shares of photos lie within the radii for 50 and 90 %."""
    yield "| map | radii for photos of | fitted to | photos | in 50 % radius | in 90 % |"
    yield "|---|---|---:|---:|---:|---:|"
    for name, each in found.items():
        for where, row in each.get("radii", {}).items():
            if isinstance(row, dict):
                shares = [f"{100 * row[f'covered_{level}']:.0f} %" for level in (50, 90)]
                cells = (name, where, row["fitted on"], row["photos"], *shares)
                yield "| " + " | ".join(map(str, cells)) + " |"

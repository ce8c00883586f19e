"""Tables of docs/metres.md, from benchmarks/results/."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from splicing import spliced

from results import RESULTS

LEVELS = {
    "weak": "same imagery, other light",
    "strong": "same imagery, other light, season, air, shadows",
    "sensor": "another sensor",
    "infrared": "near infrared",
    "old": "coarser map, a quarter replaced; relief",
}
TILTS = (0, 20, 40)


def with_metres(page: str) -> str:
    """Return docs/metres.md with its tables."""
    for name, (file, render) in TABLES.items():
        found = json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))
        page = spliced(page, file, render(found), name)
    return page


def cells(found: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each level and mode."""
    yield from head("photo against map", "asked, told", "photos", "accepted", "at 0°, 20°, 40°",
                    "map px, median", "90 %", "heading", "wrong", "CPU ms")  # fmt: skip
    rows = {(row["level"], row["mode"], row["tilt"]): row for row in found["cells"]}
    before = ""
    for (level, mode, tilt), row in rows.items():
        if tilt is not None:
            continue
        tilted = (rows.get((level, mode, one)) for one in TILTS)
        shown = (
            "" if level == before else LEVELS[level],
            mode,
            str(row["num"]),
            f"{share(row['accepted'])} %",
            ", ".join(share(None if one is None else one["accepted"]) for one in tilted),
            number(row["px_50"], ".2f"),
            number(row["px_90"], ".2f"),
            "" if row["heading_50"] is None else f"{row['heading_50']:.2f}°",
            str(row["gross"]),
            f"{row['ms']:.0f}",
        )
        before = level
        yield line(*shown)


def wrong(found: dict[str, Any]) -> Iterator[str]:
    """Yield what refiners make of tiles that don't show the photo."""
    yield from head("refiner", "lists", "tiles", "lists accepted", "clearest", "CPU ms a list")
    for name, row in found["wrong"].items():
        counts = (f"{row['num']:,}", f"{row['tiles']:,}", str(row["accepted"]))
        yield line(f"`{name}`", *counts, f"{row['highest']:.1f}", number(row["ms"], ".0f"))


def radii(found: dict[str, Any]) -> Iterator[str]:
    """Yield how radii hold on a site, learnt on other photos of it and on other sites."""
    yield from head("asked, told", "photo against map", "site", "places", "own: in 50 %", "in 90 %",
                    "other sites: in 50 %", "in 90 %")  # fmt: skip
    for row in found["radii"]:
        held = [
            f"{share(row[taught][f'covered_{one}'])} %"
            for taught in ("own", "others")
            for one in (50, 90)
        ]
        yield line(row["mode"], LEVELS[row["level"]], row["site"], str(row["num"]), *held)


def area(found: dict[str, Any]) -> Iterator[str]:
    """Yield what refining brings among the tiles of a map that an encoder was adapted to."""
    yield from head(
        "answer", "accepted", "photos", "median", "90 %", "within 1 m", "wrong", "CPU ms"
    )
    count = str(found["num"])
    tile = [metres(found[f"tile_{one}_m"]) for one in (50, 90)]
    yield line("best tile", "", count, *tile, "", "", "")
    every = [metres(found[f"all_{one}_m"]) for one in (50, 90)]
    near = f"{share(found['near'])} %"
    told = (f"{share(found['accepted'])} %", count, *every, near, str(found["wrong"]))
    yield line("`--refine sift`, top 10", *told, number(found["ms"], ",.0f"))


def tracks(found: dict[str, Any]) -> Iterator[str]:
    """Yield what a track makes of the frames of a flight."""
    yield from head("flight over", "answer", "frames", "best tile, median", "track, median", "90 %",
                    "best tile gross", "track gross")  # fmt: skip
    for row in found["flights"]:
        middles = [metres(row[key]) for key in ("best_tile_median_m", "median_m", "p90_m")]
        gross = [f"{100 * row[key]:.1f} %" for key in ("best_tile_gross", "gross")]
        where = f"{row['site']} {row['seed']}"
        yield line(where, row["way"], str(row["frames"]), *middles, *gross)


def orbit(found: dict[str, Any]) -> Iterator[str]:
    """Yield what refining brings among tiles of a continent."""
    yield from head("tiles", "photos", "accepted", "wrong", "best tile, median", "90 %",
                    "refined, median", "all answers, median", "90 %", "CPU ms")  # fmt: skip
    names = {"orbitview": "the photos' own imagery", "relief": "an independent map"}
    for name, row in found.items():
        keys = ("tile_50_m", "tile_90_m", "refined_50_m", "all_50_m", "all_90_m")
        km = ["" if row[key] is None else kilometres(row[key]) for key in keys]
        counts = (str(row["num"]), f"{share(row['accepted'])} %", str(row["wrong"]))
        yield line(names[name], *counts, *km, number(row["ms"], ".0f"))


def cost(found: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what each part costs."""
    yield "| part | photos | CPU ms, median | 10 % | 90 % |"
    yield "|---|---:|---:|---:|---:|"
    for row in found:
        values = (f"{row[key]:.0f}" for key in ("ms_50", "ms_10", "ms_90"))
        yield line(row["part"], str(row["num"]), *values)


def metres(value: float | None) -> str:
    """Return a length in metres, with two decimals below one."""
    if value is None:
        return ""
    return f"{value:.2f} m" if value < 1 else f"{value:.1f} m"


def kilometres(metres: float) -> str:
    """Return a length in kilometres, with two decimals below ten."""
    km = metres / 1000
    return f"{km:.2f} km" if km < 10 else f"{km:,.0f} km"


def line(*values: str) -> str:
    """Return a line of a table."""
    return "| " + " | ".join(values) + " |"


def head(*names: str) -> Iterator[str]:
    """Yield the first two lines of a table whose first two columns are text."""
    yield line(*names)
    yield "|---|---|" + "---:|" * (len(names) - 2)


def share(value: float | None) -> str:
    """Return a share in percent, without the sign."""
    return "" if value is None else f"{100 * value:.0f}"


def number(value: float | None, how: str) -> str:
    """Return a number as text, nothing for None."""
    return "" if value is None else format(value, how)


TABLES: dict[str, tuple[str, Callable[[Any], Iterator[str]]]] = {
    "cells": ("metres", cells),
    "wrong": ("metres", wrong),
    "radii": ("metres", radii),
    "area": ("refined_area", area),
    "tracks": ("flights", tracks),
    "cost": ("metres_cost", cost),
    "orbit": ("orbitview_refine", orbit),
}
"""{name of a table: (file of results, what renders it)}"""

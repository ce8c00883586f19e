"""Tables of docs/benchmarks.md, from what benchmarks left in benchmarks/results/."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "benchmarks/results"
BEGIN, END = (
    "<!-- Generated from benchmarks/results/{}.json. -->\n",
    "<!-- Generated until here. -->\n",
)
INDEX = {"index_s": ".1f", "index_mb": ".0f"}
SOURCES = {"geotiff": "GeoTIFF", "pmtiles": "PMTiles", "folder": "folder of JPEGs"}


def with_results(page: str) -> str:
    """Return docs/benchmarks.md with the tables of the results that it shows."""
    for name, render in TABLES.items():
        begin = BEGIN.format(name)
        if page.count(begin) != 1:
            raise ValueError(f"the page must have this line once: {begin}")
        head, _, rest = page.partition(begin)
        found = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        body = "\n".join(render(found))
        page = f"{head}{begin}\n{body}\n\n{END}{rest.partition(END)[2]}"
    return page


def feeding(found: dict[str, Any]) -> Iterator[str]:
    """Yield builds by a stand-in for a device, by source and rate."""
    head = ("source", "device", "limit", "before", "1 decoder", "2 decoders", "of the limit")
    yield "| " + " | ".join((*head, "4 decoders", "MB", "told MB")) + " |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for row in found["rows"]:
        if "source" not in row:
            continue
        best = row["best"]
        own = [turn["workers 2"] for turn in row["turns"] if "memory_mb" in turn["workers 2"]]
        seen = own or [found["memory"][row["source"]]]
        took, told = (max(one[key] for one in seen) for key in ("memory_mb", "told_mb"))
        yield (
            f"| {SOURCES[row['source']]} | {row['device']:,}/s | {row['limit']:.0f} "
            f"| {best['before']:.0f} | {best['workers 1']:.0f} | {best['workers 2']:.0f} "
            f"| {row['of the limit']:.2f} | {best['workers 4']:.0f} | {took:.0f} | {told:,.0f} |"
        )


def large_galleries(found: dict[str, Any]) -> Iterator[str]:
    """Yield what grows with the number of tiles, and how."""
    head = ("index", "tiles", "build s", "index s", "index MB", "open ms", "first answer s")
    head += ("CPU s", "next ms", "read from disk", "peak MB")
    yield "| " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * (len(head) - 1)
    for row in found["rows"]:
        index_s, index_mb = (format(row.get(key, 0), how) for key, how in INDEX.items())
        yield (
            f"| `{row['index']}` | {row['num']:,} | {row['build_s']:.1f} | {index_s} | {index_mb} "
            f"| {row['open_ms']:.0f} | {row['first_s']:.2f} "
            f"| {row['first_cpu_s']:.2f} | {row['next_ms']:,.0f} "
            f"| {100 * row['read_share']:.1f} % | {row['peak_mb']:.0f} |"
        )
    keys = ("build_s", "index_s", "index_mb", "open_ms", "first_s", "first_cpu_s", "next_ms")
    keys += ("read_share",)
    for name, slopes in found["exponents"].items():
        shown = [f"{slopes[key]:.2f}" if key in slopes else "" for key in (*keys, "peak_mb")]
        yield f"| `{name}`, exponent | | " + " | ".join(shown) + " |"


def large_flips(found: dict[str, Any]) -> Iterator[str]:
    """Yield how many flips were refused or found."""
    yield "| | |"
    yield "|---|---:|"
    for what, number in found.items():
        if what not in ("seconds", "bytes"):
            yield f"| {what} | {number:,} |"


def rank_kills(found: dict[str, Any]) -> Iterator[str]:
    """Yield failures of ranks in a row, and what became of the run."""
    yield "| while | rank | signal | it was at | ended after s | exit code | saved by then |"
    yield "|---|---:|---|---|---:|---:|---:|"
    for row in found["rows"]:
        yield (
            f"| {row['while']} | {row['rank']} | {row['signal']} | {row['it_was_at']} "
            f"| {row['ended_after_s']:.1f} | {row['exit_code']} | step {row['saved_step']} |"
        )
    after = found["afterwards"]
    named = sum(row["names_the_rank"] and row["was_there"] for row in found["rows"])
    yield ""
    yield (
        f"{named} of {len(found['rows'])} named the rank and where it was. The run went on to its "
        f"{after['steps'][0]} steps;"
    )
    yield (
        "the largest difference of a loss from a run that nothing happened to is "
        f"{after['largest_difference_of_losses']:g}."
    )
    yield f"{found['date']}, {found['cores']} cores, load {found['load']}."


TABLES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "feeding": feeding,
    "large_galleries": large_galleries,
    "large_flips": large_flips,
    "rank_kills": rank_kills,
}
"""{name of a result: what renders it}"""

"""Tables of docs/benchmarks.md, from what benchmarks left in benchmarks/results/."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from splicing import spliced
from step_tables import (
    depthwise,
    equal_work,
    fast_mode,
    loader_workers,
    pointwise,
    waiting,
)

RESULTS = Path(__file__).parents[1] / "benchmarks/results"
INDEX = {"index_s": ".1f", "index_mb": ".0f"}
SOURCES = {"geotiff": "GeoTIFF", "pmtiles": "PMTiles", "folder": "folder of JPEGs"}


def with_results(page: str) -> str:
    """Return docs/benchmarks.md with the tables of the results that it shows."""
    for name, render in TABLES.items():
        found = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        page = spliced(page, name, render(found))
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


def distributed(found: dict[str, Any]) -> Iterator[str]:
    """Yield how trainings by several ranks differ from one process, and where their time goes."""
    cases = found["cases"]
    yield "| training | steps | ranks | losses differ by | weights by | batches | figures |"
    yield "|---|---:|---:|---:|---:|---|---|"
    for row in cases["rows"]:
        same = ["the same" if row[key] else "not" for key in ("same_plans", "same_figures")]
        losses, weights = (row[f"largest_difference_of_{key}"] for key in ("losses", "weights"))
        yield (
            f"| {row['case']} | {row['steps']} | {row['ranks']} | {losses:.1e} | {weights:.1e} "
            f"| {same[0]} | {same[1]} |"
        )
    if "stages" not in found:
        return
    stages = found["stages"]
    yield ""
    yield f"ConvNeXt-atto, 96 px, batch 16 ({stages['date']}, load before it {stages['load']}):"
    yield ""
    yield (
        "| ranks | a step | told before | training | mining | told | evaluation | told | planning "
        "| command | memory of a rank | told | checkpoints | told |"
    )
    yield "|---:|" + "---:|" * 13
    for row in stages["rows"]:
        spent, told = row["seconds"], row["estimated"]
        yield (
            f"| {row['ranks']} | {row['step_s']:.2f} s | {told['step_s']:.2f} s "
            f"| {spent['train']:.1f} s | {spent['mine']:.1f} s | {told['mining_s']:.0f} s "
            f"| {spent['evaluate']:.1f} s | {told['evaluation_s']:.0f} s | {spent['plan']:.1f} s "
            f"| {row['command_s']:.0f} s | {row['memory_gib']:.2f} GiB "
            f"| {told['memory_gib']:.2f} GiB "
            f"| {row['disk_gib']:.2f} GiB | {told['disk_gib']:.2f} GiB |"
        )


def chunked(found: dict[str, Any]) -> Iterator[str]:
    """Yield memory and time of a step in chunks, by one process and by two ranks."""
    yield (
        f"{found['model']}, {found['size']} px, batch {found['batch_size']}, "
        f"chunks of {found['chunk']} ({found['date']}, load {found['load']}):"
    )
    yield ""
    yield "| ranks | | MB of a rank | CPU s of all | memory | time | gradient differs by |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    full = found["rows"][0]
    for row in found["rows"]:
        for way, differs in (("whole", ""), ("chunked", "chunked_")):
            memory_mb, cpu_s = row[f"{way}_mb"], row[f"{way}_cpu_s"]
            yield (
                f"| {row['ranks']} | {way} | {memory_mb:,} | {cpu_s:.1f} "
                f"| 1/{full['whole_mb'] / memory_mb:.1f} | x{cpu_s / full['whole_cpu_s']:.2f} "
                f"| {row[f'{differs}gradient_difference']:.1e} |"
            )


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


def mining(found: dict[str, Any]) -> Iterator[str]:
    """Yield what finding hard negatives takes, exactly and by sign bits."""
    yield "| queries | references | dimensions | way | CPU s | MB beyond | same as exact |"
    yield "|---:|---:|---:|---|---:|---:|---:|"
    for row in found["rows"]:
        queries, references, dim = map(int, row["case"].split(","))
        yield (
            f"| {queries:,} | {references:,} | {dim} | {row['way']} | {row['cpu_s']:.1f} "
            f"| {row['beyond_mb']:.0f} | {100 * row['overlap']:.1f} % |"
        )


def growth(found: dict[str, Any]) -> Iterator[str]:
    """Yield CPU seconds and memory by the number of pairs, and their exponents."""
    sizes = sorted({row["num"] for row in found["rows"]})
    heads = [f"{num:,} pairs" for num in sizes]
    yield "| work | " + " | ".join(f"{h}, s | MB" for h in heads) + " | exponent, s | MB |"
    yield "|---|" + "---:|" * (2 * len(sizes) + 2)
    for work, slopes in found["exponents"].items():
        own = {row["num"]: row for row in found["rows"] if row["work"] == work}
        cells = [f"{own[n]['cpu_s']:.2f} | {own[n]['beyond_mb']:,.0f}" for n in sizes]
        told = ["" if slopes[k] is None else f"{slopes[k]:.2f}" for k in ("cpu_s", "beyond_mb")]
        yield f"| {work} | " + " | ".join([*cells, *told]) + " |"


def flights(found: dict[str, Any]) -> Iterator[str]:
    """Yield rendered flights: how far tracks are off, and what they survived."""
    head = ("site", "seed", "way", "frames", "median m", "tile / 4", "gross", "alone gross")
    head += ("< 20 m", "< 50 m")
    head += ("survived", "false", "in 95 %", "lost", "refined", "its median m", "p95 ms")
    yield "| " + " | ".join(head) + " |"
    yield "|---|---:|---|" + "---:|" * (len(head) - 3)
    for row in found["flights"]:
        shares = [
            "" if row.get(key) is None else f"{100 * row[key]:.0f} %"
            for key in ("within_20_m", "within_50_m", "outliers_survived", "false_fixes",
                        "in_95_ellipse")
        ]  # fmt: skip
        own = row.get("refined_median_m")
        latency = row.get("latency_95_s")
        yield (
            f"| {row['site']} | {row['seed']} | {row['way']} "
            f"| {row['frames']} | {row['median_m']:.1f} "
            f"| {row['side_m'] / 4:.0f} | {100 * row['gross']:.1f} % "
            f"| {100 * row['best_tile_gross']:.0f} % | {' | '.join(shares)} "
            f"| {row['longest_lost']} | {100 * row['refined']:.0f} % "
            f"| {'' if own is None else f'{own:.2f}'} "
            f"| {'' if latency is None else f'{1000 * latency:.0f}'} |"
        )


def lsh_overlap(found: dict[str, Any]) -> Iterator[str]:
    """Yield what share of the exact neighbours codes of bits find, and the CPU time of finding."""
    kinds = list(dict.fromkeys(row["kind"] for row in found["rows"] if row["bits"]))
    yield "| bits | " + " | ".join(kinds) + " | CPU s |"
    yield "|---:|" + "---:|" * (len(kinds) + 1)
    for bits in dict.fromkeys(row["bits"] for row in found["rows"] if row["bits"]):
        rows = {row["kind"]: row for row in found["rows"] if row["bits"] == bits}
        shares = " | ".join(f"{rows[kind]['share']:.1f} %" for kind in kinds)
        times = [rows[kind]["cpu_s"] for kind in kinds]
        yield f"| {bits:,} | {shares} | {' / '.join(f'{seconds:.1f}' for seconds in times)} |"


TABLES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "chunked": chunked,
    "distributed-cpu": distributed,
    "feeding": feeding,
    "large_galleries": large_galleries,
    "large_flips": large_flips,
    "lsh_overlap": lsh_overlap,
    "rank_kills": rank_kills,
    "flights": flights,
    "depthwise": depthwise,
    "loader_workers": loader_workers,
    "equal_work": equal_work,
    "pointwise": pointwise,
    "waiting": waiting,
    "fast_mode": fast_mode,
    "mining": mining,
    "growth": growth,
}
"""{name of a result: what renders it}"""

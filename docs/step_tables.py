"""Tables of docs/benchmarks.md about what a training step takes, from benchmarks/results/."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any


def depthwise(found: dict[str, Any]) -> Iterator[str]:
    """Yield CPU milliseconds of the gradients of depthwise kernels."""
    head = ("images, channels, map", "kernel", "stride", "torch", "georet")
    yield "| " + " | ".join((*head, "torch, last", "georet, last")) + " |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in found["rows"]:
        ways = ("torch_first", "georet_first", "torch_last", "georet_last")
        shape = " x ".join(map(str, row["shape"]))
        yield f"| {shape} | {row['kernel']} | {row['stride']} | " + (
            " | ".join(f"{row[way]:.1f}" for way in ways) + " |"
        )


def loader_workers(found: dict[str, Any]) -> Iterator[str]:
    """Yield which share of their time workers were busy, before and now."""
    yield "| batch | workers | before | now |"
    yield "|---:|---:|---:|---:|"
    busy = {(row["label"], row["batch"], row["workers"]): row["busy"] for row in found["rows"]}
    for label, batch, workers in busy:
        if label == "now":
            before, now = (busy[each, batch, workers] for each in ("before", "now"))
            yield f"| {batch} | {workers} | {100 * before:.0f} % | {100 * now:.0f} % |"


def pointwise(found: dict[str, Any]) -> Iterator[str]:
    """Yield what kernels of 1 x 1 take, by torch and in georet's steps."""
    yield "| images, channels, map | channels out | torch | georet |"
    yield "|---|---:|---:|---:|"
    for row in found["rows"]:
        shape = " x ".join(map(str, row["shape"]))
        yield f"| {shape} | {row['made']} | {row['torch']:.1f} | {row['georet']:.1f} |"


def equal_work(found: dict[str, Any]) -> Iterator[str]:
    """Yield CPU seconds of a training step and of whole trainings, before and now."""
    yield "| code | memory layout | CPU s a step | of before |"
    yield "|---|---|---:|---:|"
    for row in found["rows"]:
        code, _, layout = row["way"].partition(", ")
        layout = layout or "channels first"
        yield f"| {code} | {layout} | {row['step_s']:.3f} | {row['of_before']:.2f} |"
    yield ""
    yield "| whole training by | s | of before | CPU s | of before | R@1 |"
    yield "|---|---:|---:|---:|---:|---|"
    for row in found["whole"]:
        wall, cpu, recall = (
            [turn[key] for turn in row["turns"]] for key in ("wall_s", "cpu_s", "recall_at_1")
        )
        yield (
            f"| {row['way']} | {statistics.median(wall):.0f} | {row['wall_s_of_before']:.2f} "
            f"| {statistics.median(cpu):.0f} | {row['cpu_s_of_before']:.2f} "
            f"| {' / '.join(f'{each:.1f}' for each in recall)} |"
        )
    yield ""
    yield from _recalls(found["recalls"])


def _recalls(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield recall@1 of both ways by seed, and the mean of the differences with its error."""
    yield "| R@1 of whole trainings, seed | threads | before | now | difference |"
    yield "|---|---:|---:|---:|---:|"
    off = [row["now"] - row["before"] for row in rows]
    for row, each in zip(rows, off, strict=True):
        values = f"{row['before']:.1f} | {row['now']:.1f} | {each:+.1f}"
        yield f"| {row['seed']} | {row['threads']} | {values} |"
    before, now = (statistics.mean(row[way] for row in rows) for way in ("before", "now"))
    error = statistics.stdev(off) / len(off) ** 0.5
    yield f"| mean | | {before:.1f} | {now:.1f} | {statistics.mean(off):+.1f} +- {error:.1f} |"


def waiting(found: dict[str, Any]) -> Iterator[str]:
    """Yield what a step takes by how long threads spin before they sleep."""
    yield "| threads that wait spin for | alone, ms | CPU ms | beside load, ms |"
    yield "|---|---:|---:|---:|"
    for row in found["rows"]:
        took = (f"{1000 * row[key]:.0f}" for key in ("alone_s", "alone_cpu_s", "beside_s"))
        yield f"| {row['way']} | {' | '.join(took)} |"


def fast_mode(found: dict[str, Any]) -> Iterator[str]:
    """Yield recall and CPU seconds of trainings with and without ``data.fast``, by seed."""
    yield "| seed | exact: R@1 | CPU s | fast: R@1 | CPU s | difference |"
    yield "|---:|---:|---:|---:|---:|---:|"
    rows = {(row["seed"], row["fast"]): row for row in found["rows"]}
    for seed in dict.fromkeys(seed for seed, _ in rows):
        exact, fast = rows[seed, False], rows[seed, True]
        yield (
            f"| {seed} | {exact['r_at_1']:.1f} | {exact['cpu_s']:.0f} | {fast['r_at_1']:.1f} "
            f"| {fast['cpu_s']:.0f} | {fast['r_at_1'] - exact['r_at_1']:+.1f} |"
        )

"""A benchmark's figures as a table for people, as JSON for programs, and as a picture."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from georet.page.readable import NOTHING
from georet.version import __version__
from georet_export.benchmark.figures import CPU, WALL, Measured, Result

_MEGA = 1e6
_TIMES = "\N{MULTIPLICATION SIGN}"
NOTE = (
    "Latencies of a call and images/s by the wall clock, CPU time an image. "
    f"{_TIMES}torch: wall clock / CPU time, median of interleaved rounds. "
    "RAM: peak of the whole process. "
    "Same 1st: percent of the queries with torch's first place; -/+: queries lost and gained."
)


@dataclass(frozen=True)
class Lines:
    """Head and rows of a table as written cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return GitHub's Markdown."""
        ruler = ("---", *("---:" for _ in self.head[1:]))
        lines = (self.head, ruler, *self.rows)
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def terminal(self, title: str) -> Table:
        """Return a table for the terminal."""
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for number, name in enumerate(self.head):
            table.add_column(name, justify="right" if number else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return table


def speeds(result: Result) -> Lines:
    """Return a row for each contender and batch."""
    head = ("", "batch", "images/s", "p50/p90/p99 ms", "CPU ms", f"{_TIMES}torch")
    return Lines(head, tuple(row for each in result.measured for row in _speeds(each, result)))


def facts(result: Result) -> Lines:
    """Return a row for each contender: size, memory, fidelity."""
    head = ("", "MB", "RAM MB", "cosine min", "same 1st", "R@1", "-/+")
    return Lines(head, tuple(_facts(each) for each in result.measured))


def values(result: Result) -> dict[str, Any]:
    """Return everything as JSON values, with what it was measured on."""
    evidence = result.evidence
    return {
        "georet": __version__,
        "machine": machine(),
        "images": None
        if evidence is None
        else {
            "set": evidence.name,
            "num_queries": len(evidence.data.queries),
            "num_references": len(evidence.data.gallery),
            "is_whole_set": evidence.num_images == evidence.num_whole,
            "are_compared": result.measured[0].compared is not None,
        },
        "contenders": [_values(each, result) for each in result.measured],
        "absent": list(result.absent),
    }


def machine() -> dict[str, Any]:
    """Return processor, cores and how busy the machine is, as JSON values."""
    cpuinfo, model = Path("/proc/cpuinfo"), platform.processor()
    if cpuinfo.is_file():
        text = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        named = (line.partition(":")[2] for line in text if line.startswith("model name"))
        model = next(named, model).strip()
    is_known = hasattr(os, "getloadavg")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2) if is_known else None,
    }


def _speeds(each: Measured, result: Result) -> Iterator[tuple[str, ...]]:
    for number, batch in enumerate(result.batches):
        timing = each.timings[batch]
        latencies = timing.latency_ms().values()
        ratios = [result.speedup(each, batch, clock) for clock in (WALL, CPU)]
        yield (
            each.contender.name if number == 0 else "",
            str(batch),
            f"{timing.images_per_s():.0f}",
            "/".join(f"{ms:.1f}" if ms < 10 else f"{ms:.0f}" for ms in latencies),
            f"{timing.cpu_ms_per_image():.2f}",
            "/".join(NOTHING if ratio is None else f"{ratio:.2f}" for ratio in ratios),
        )


def _facts(each: Measured) -> tuple[str, ...]:
    own = (
        each.contender.name,
        f"{each.contender.num_bytes / _MEGA:.1f}",
        f"{each.peak_memory / _MEGA:.0f}",
    )
    if each.compared is None:
        return (*own, *[NOTHING] * 4)
    recall = each.compared.recall
    return (
        *own,
        f"{each.compared.cosine['min']:.6f}",
        f"{each.compared.top1_agreement:.2f}",
        f"{100 * recall.after / recall.num:.2f}",
        f"{recall.lost}/{recall.gained}",
    )


def _values(each: Measured, result: Result) -> dict[str, Any]:
    contender, opened, compared = each.contender, each.opened, each.compared
    return {
        "name": contender.name,
        "executed": opened.identity.backend,
        "precision": opened.identity.precision,
        "threads": contender.spec.threads,
        "artefact_bytes": contender.num_bytes,
        "open_s": opened.open_s,
        "bare_memory_bytes": opened.bare_memory,
        "peak_memory_bytes": each.peak_memory,
        "batches": [
            {
                "batch": batch,
                "calls": int(timing.calls.shape[1]),
                "images_per_s": timing.images_per_s(),
                "latency_ms": timing.latency_ms(),
                "cpu_ms_per_image": timing.cpu_ms_per_image(),
                "times_torch_wall": result.speedup(each, batch, WALL),
                "times_torch_cpu": result.speedup(each, batch, CPU),
            }
            for batch, timing in each.timings.items()
        ],
        "cosine": None if compared is None else dict(compared.cosine),
        "top1_agreement": None if compared is None else compared.top1_agreement,
        "recall@1": None if compared is None else compared.recall.as_json(),
    }

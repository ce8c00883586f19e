"""What torch's profiler saw of a device: how long it worked, and how long it waited."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ON_DEVICE = ("kernel", "gpu_memcpy", "gpu_memset")
"""Categories of a trace's events that keep the device busy."""


@dataclass(frozen=True)
class DeviceTime:
    """Microseconds between a device's first work and its last, and those in which it worked.

    ``by_name`` sums what ran under each name, longest first; streams may overlap.
    """

    span_us: float
    busy_us: float
    by_name: dict[str, float]

    @property
    def waiting(self) -> float:
        """Share of the span in which the device had nothing to do."""
        return 1 - self.busy_us / self.span_us


def device_time(trace: Path) -> DeviceTime | None:
    """Return what a Chrome trace of torch's profiler says of the device; None without any work."""
    found = [event for event in _events(trace) if event.get("cat") in ON_DEVICE]
    return summed(found) if found else None


def host_phases(trace: Path, prefix: str) -> dict[str, float]:
    """Return microseconds of the host by name of all ranges that were marked with the prefix."""
    found: dict[str, float] = defaultdict(float)
    for event in _events(trace):
        name = str(event.get("name", ""))
        if event.get("cat") == "user_annotation" and name.startswith(prefix):
            found[name.removeprefix(prefix)] += float(event["dur"])
    return dict(found)


def _events(trace: Path) -> list[dict[str, Any]]:
    content = trace.read_bytes()
    if trace.suffix == ".gz":
        content = gzip.decompress(content)
    events = json.loads(content.decode("utf-8", errors="replace"))["traceEvents"]
    return [event for event in events if "dur" in event]


def summed(events: Iterable[dict[str, Any]]) -> DeviceTime:
    """Return the union of the events' intervals, their hull, and their sums by name."""
    by_name: dict[str, float] = defaultdict(float)
    spans: list[tuple[float, float]] = []
    for event in events:
        start, length = float(event["ts"]), float(event["dur"])
        spans.append((start, start + length))
        by_name[str(event["name"])] += length
    spans.sort()
    busy, reached = 0.0, spans[0][0]
    for start, stop in spans:
        busy += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    ranked = sorted(by_name.items(), key=lambda item: -item[1])
    return DeviceTime(reached - spans[0][0], busy, dict(ranked))

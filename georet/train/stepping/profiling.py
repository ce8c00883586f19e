"""A profile of some steps: a trace for a viewer, and a table of where their time goes."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import torch
from torch.profiler import ProfilerActivity

from georet.files import write_atomic, write_json
from georet.progress import say
from georet.train.stepping.phases import PREFIX
from georet.train.stepping.trace import device_time, host_phases

SKIPPED: Final = 3
"""Steps before those that are profiled: first ones compile, allocate and wait for workers."""
TRACE, TABLE, NUMBERS = "trace.json.gz", "table.txt", "steps.json"
TOP: Final = 12
"""Operators or kernels in the table."""


class StepProfile:
    """Profiles ``num`` steps of a training and writes below ``folder``; then it does nothing more.

    ``step`` is called after each step. Left early, it writes what it has seen. ``table`` is what
    was found, in words, or None before; it is told as well. With 0 steps nothing is done.
    """

    def __init__(self, num: int, folder: Path, device: torch.device) -> None:
        self._num, self._folder, self._device = num, folder, device
        self._seen, self._begun = -SKIPPED, 0.0
        self._profile: Any = None
        self.table: str | None = None

    def __enter__(self) -> StepProfile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._profile is not None:
            self._finish()

    def step(self) -> None:
        """Count a step; start behind the first ones, and end after enough."""
        self._seen += 1
        if self._num and self._seen == 0:
            activities = [ProfilerActivity.CPU]
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
                activities.append(ProfilerActivity.CUDA)
            # The profiler's own log would stand between the lines of the run.
            os.environ.setdefault("KINETO_LOG_LEVEL", "99")
            self._profile = torch.profiler.profile(activities=activities)
            self._profile.__enter__()
            self._begun = time.perf_counter()
        elif self._seen == self._num and self._profile is not None:
            self._finish()

    def _finish(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        seconds = time.perf_counter() - self._begun
        profile, self._profile = self._profile, None
        profile.__exit__(None, None, None)
        num = min(self._seen, self._num)
        if num < 1:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        profile.export_chrome_trace(str(self._folder / TRACE))
        numbers = summary(self._folder / TRACE, profile, num, seconds, self._device)
        write_json(self._folder / NUMBERS, numbers)
        self.table = in_words(numbers)
        write_atomic(self._folder / TABLE, self.table + "\n")
        say(f"profile {self._folder}\n{self.table}")


def summary(
    trace: Path, profile: Any, num: int, seconds: float, device: torch.device
) -> dict[str, Any]:
    """Return as JSON values where the time of ``num`` steps went, in milliseconds a step."""
    phases = host_phases(trace, PREFIX)
    rows = {name: round(us / num / 1e3, 3) for name, us in phases.items()}
    whole = seconds / num * 1e3
    found: dict[str, Any] = {"steps": num, "step_ms": round(whole, 3), "host_ms": rows}
    found["host_ms"]["rest"] = round(max(0.0, whole - sum(rows.values())), 3)
    seen = device_time(trace) if device.type == "cuda" else None
    if seen is None:
        averages = sorted(profile.key_averages(), key=lambda e: -e.self_cpu_time_total)
        named = [e for e in averages if not e.key.startswith((PREFIX, "ProfilerStep"))]
        top = {e.key: round(e.self_cpu_time_total / num / 1e3, 3) for e in named[:TOP]}
        return found | {"operators_ms": top}
    kernels = {name: round(us / num / 1e3, 3) for name, us in [*seen.by_name.items()][:TOP]}
    return found | {"device_waits": round(seen.waiting, 4), "kernels_ms": kernels}


def in_words(numbers: dict[str, Any]) -> str:
    """Return the table as text."""
    whole = numbers["step_ms"]
    lines = [f"{numbers['steps']} steps of {whole:.1f} ms under the profiler"]
    lines += _rows("host", numbers["host_ms"], whole)
    if "device_waits" in numbers:
        lines += [f"the device had nothing to do for {numbers['device_waits']:.1%} of the time"]
        lines += _rows("kernel", numbers["kernels_ms"], whole)
    else:
        lines += _rows("operator, itself", numbers["operators_ms"], whole)
    return "\n".join(lines)


def _rows(title: str, milliseconds: dict[str, float], whole: float) -> Sequence[str]:
    rows = [f"  {'ms':>9}  {'share':>6}  {title}"]
    for name, value in milliseconds.items():
        rows.append(f"  {value:9.2f}  {value / whole:6.1%}  {name[:70]}")
    return rows

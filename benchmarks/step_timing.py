"""What ``step_gpu.py`` measures with: the machine, seconds a step, waits of host and device."""

from __future__ import annotations

import itertools
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import timm
import torch

from georet.train.stepping.trace import device_time
from georet.types import Batch
from georet.version import __version__
from step_sides import Side

PROFILED = 4
"""Steps that are profiled for the device's idle share."""


class Machine:
    """The device, and the time that is left on it."""

    def __init__(self, name: str, seconds: float) -> None:
        self.device, self.started, self.seconds = torch.device(name), time.monotonic(), seconds

    @property
    def left_s(self) -> float:
        return self.seconds - (time.monotonic() - self.started)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def allocated(self) -> int:
        return torch.cuda.memory_allocated() if self.device.type == "cuda" else 0


def waits(side: Side, batch: Batch, num: int = 3) -> float:
    """Return how often a step makes the host wait for the device, as torch's check sees it.

    It sees blocking copies and questions such as ``item``, not waits for an event of one's own.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            for _ in range(num):
                side.step(batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    side.finish()
    return sum("synchroniz" in str(w.message) for w in caught) / num


def timed(machine: Machine, side: Side, batches: Iterator[Batch], num: int) -> float:
    """Return seconds a step over ``num`` steps."""
    machine.wait()
    begun = time.perf_counter()
    for batch in itertools.islice(batches, num):
        side.step(batch)
    side.finish()
    machine.wait()
    return (time.perf_counter() - begun) / num


def idle_share(machine: Machine, side: Side, batches: Iterator[Batch]) -> float | None:
    """Return the share of some steps in which the device had nothing to do, under the profiler."""
    if machine.device.type != "cuda":
        return None
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        timed(machine, side, batches, PROFILED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        seen = device_time(path)
    return None if seen is None else round(seen.waiting, 4)


def about(machine: Machine) -> dict[str, Any]:
    """Return the machine and the versions."""
    found = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": len(os.sched_getaffinity(0)),
        "device": str(machine.device),
        "versions": {"georet": __version__, "torch": torch.__version__, "timm": timm.__version__},
    }
    if machine.device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = torch.version.cuda
        found["cudnn_tf32"] = torch.backends.cudnn.allow_tf32
    return found

"""The GPU at hand: which one it is, and how long an engine takes on it.

Times are those of CUDA events: the device's own clock, without Python's.
"""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from georet_export.trt.engine import Engine
from georet_export.trt.targets import CudaProbe


def describe_gpu(probe: CudaProbe) -> dict[str, Any]:
    """Return name, compute capability, driver and memory in bytes of the first CUDA device."""
    return {
        "name": probe.device,
        "target": probe.target,
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "memory_bytes": torch.cuda.get_device_properties(0).total_memory,
    }


def _driver() -> str | None:
    """Return the driver's version as nvidia-smi tells it, or None where there is no such tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.partition("\n")[0].strip() or None


NUM_WARM, NUM_TIMED = 20, 100


def milliseconds(engine: Engine, batch: int) -> dict[str, float]:
    """Return ``median`` and ``p90`` of one call on uint8[batch, H, W, 3] that lies on the device.

    Copies from and to the host are not in it. The first calls are not counted: there clocks rise
    and TensorRT-RTX finishes its compilation.
    """
    stream = engine.stream
    with torch.cuda.stream(stream):
        shape = (batch, *engine.identity.size, 3)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, device=engine.device)
        for _ in range(NUM_WARM):
            engine.enqueue(images)
        marks = [
            torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            for _ in range(NUM_TIMED + 1)
        ]
        marks[0].record(stream)
        for mark in marks[1:]:
            engine.enqueue(images)
            mark.record(stream)
        marks[-1].synchronize()
    times = [a.elapsed_time(b) for a, b in pairwise(marks)]
    return {
        "median": round(float(np.median(times)), 4),
        "p90": round(float(np.percentile(times, 90)), 4),
    }

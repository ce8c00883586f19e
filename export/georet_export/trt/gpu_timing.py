"""Timing an engine on its GPU by CUDA events: the device's own clock, without Python's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from georet_export.trt.engine import Engine

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

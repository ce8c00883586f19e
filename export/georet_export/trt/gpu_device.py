"""Which GPU this is, for reports that others are to read."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import torch

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

"""Which device and which precision a run computes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from georet.errors import ConfigError
from georet.files import read_object
from georet.run_layout import PROBE

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is CUDA, else Apple's MPS, else the CPU."""
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        return accelerator if accelerator is not None else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"device {name!r} can't be used: {str(error).splitlines()[0]}",
            where="device",
            hint="Try --set device=auto; `georet doctor` shows what this machine has.",
        ) from error
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the autocast type; ``auto`` is bfloat16 on a CUDA device that has it, else float32."""
    if name == "auto":
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if has_bf16 else torch.float32
    if name == "fp16" and device.type == "cpu":
        raise ConfigError(
            "fp16 training needs an accelerator", where="precision", hint="Use --set precision=bf16"
        )
    return _PRECISIONS[name]


def threads_of(threads: int | str, run_dir: Path, local_ranks: int) -> int | None:
    """Return the threads of an operation in each of the ranks of this machine; None: torch's own.

    A probe has chosen for as many ranks as there were then; with another number each gets its share
    of what they had together. What the user has set is obeyed.
    """
    if not isinstance(threads, int):
        return None
    path = run_dir / PROBE
    probe = read_object(path) if path.is_file() else {}
    then = int(probe.get("local_ranks", 1))
    if (
        probe.get("chosen", {}).get("threads") != threads
        or probe.get("threads_are_set")
        or then == local_ranks
    ):
        return threads
    return max(1, threads * then // local_ranks)


def arithmetic(device: torch.device, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return what decides, beside the precision, how numbers are computed, for a run's manifest.

    TF32 rounds the factors of fp32 products to 10 bits of mantissa, on CUDA devices that have it.
    """
    is_fused = all(bool(group.get("fused")) for group in optimizer.param_groups)
    found: dict[str, Any] = {"fused_optimizer": is_fused}
    if device.type == "cuda":
        found |= {
            "gpu": torch.cuda.get_device_name(device),
            "cuda": torch.version.cuda,
            "matmul_fp32": torch.get_float32_matmul_precision(),
            "convolutions_tf32": torch.backends.cudnn.allow_tf32,
        }
    return found

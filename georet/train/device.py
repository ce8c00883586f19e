"""Which device and which precision a run computes in."""

from __future__ import annotations

from typing import Any

import torch

from georet.errors import ConfigError

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

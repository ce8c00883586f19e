"""Which GPUs an engine is compiled for, and which one this machine has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from georet.errors import UsageError

RTX_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
"""Compute capabilities for which TensorRT-RTX 1.7 compiles without such a GPU at hand."""
DEFAULT_TARGETS = RTX_TARGETS[1:]


def parse_targets(targets: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return TensorRT-RTX targets such as ``("sm86", "sm89")``; UsageError for any it can't build.

    A text is split at commas; None or nothing means every target from compute capability 8.0 on.
    """
    words = targets.split(",") if isinstance(targets, str) else list(targets or ())
    parsed = dict.fromkeys(_target(word) for word in words if word.strip())
    return tuple(sorted(parsed, key=RTX_TARGETS.index)) or DEFAULT_TARGETS


def _target(word: str) -> str:
    target = re.sub(r"[\s._]", "", word.lower())
    target = target if target.startswith("sm") else f"sm{target}"
    if target in RTX_TARGETS:
        return target
    if re.fullmatch(r"sm(90|10[0-9])a?", target):
        raise UsageError(
            f"TensorRT-RTX doesn't compile for {target} (data-centre GPUs from H100 on)",
            where="--target",
            hint="There the classic tensorrt builds, on the GPU machine itself, for its own GPU: "
            "pip install 'georet[onnx]' 'georet[trt]', then georet export RUN --trt there.",
        )
    raise UsageError(
        f"{word.strip()!r} is no compute capability that TensorRT-RTX compiles for",
        where="--target",
        hint=f"Choose from {', '.join(RTX_TARGETS)}; several with commas: --target sm86,sm89.",
    )


@dataclass(frozen=True)
class CudaProbe:
    """This machine's first CUDA device, or why there is none: one of both is set."""

    target: str | None = None
    """The device's compute capability, such as ``sm86``."""
    device: str | None = None
    reason: str | None = None


def probe_cuda() -> CudaProbe:
    """Ask torch for a CUDA device; where there is none, say why in torch's words."""
    import torch

    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        major, minor = torch.cuda.get_device_capability()
    except (RuntimeError, AssertionError) as error:
        # The first sentence says it; the rest advertises a download page.
        sentence = str(error).partition(". ")[0].strip().rstrip(".")
        return CudaProbe(reason=f"no CUDA device ({sentence})")
    return CudaProbe(f"sm{major}{minor}", torch.cuda.get_device_name())

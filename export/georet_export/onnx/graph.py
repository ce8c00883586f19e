"""The deployable graph: pixels in, unit-length embedding out, nothing that only training uses."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from georet.encoder import EPS, Branch, LinearMap


class Deployable(nn.Module):
    """uint8[B, H, W, 3], RGB -> embeddings float32[B, D] of unit length, on the CPU.

    It holds a copy of the branch's backbone: losses and their heads never travel, nor what a
    backbone puts out in training alone. ``view`` is told to a backbone that asks for it; ``fitted``
    maps follow. With ``is_half`` the backbone computes in float16; normalising pixels and
    embedding, and the maps, stay float32, so that embeddings have unit length in every precision.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        branch: Branch,
        *,
        view: str | None = None,
        fitted: Sequence[LinearMap] = (),
        is_half: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("scale", branch.scale.detach().cpu().clone())
        self.register_buffer("shift", branch.shift.detach().cpu().clone())
        backbone = copy.deepcopy(branch.backbone).cpu().float()
        backbone = backbone.to(memory_format=torch.contiguous_format)
        for module in backbone.modules():
            if hasattr(module, "grad_checkpointing"):
                cast(Any, module).grad_checkpointing = False
        backbone.requires_grad_(False)
        self.backbone = _halved(backbone) if is_half else backbone
        self.told = {n: view if n == "view" else None for n in sorted(branch.asks)}
        self.fitted = nn.ModuleList(copy.deepcopy(each).cpu() for each in fitted)
        self.dtype = torch.float16 if is_half else torch.float32
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Return the embeddings float32[B, D]."""
        # The cast comes first: TensorRT transposes no uint8.
        pixels = image.float().permute(0, 3, 1, 2) * self.scale + self.shift
        features = cast(Tensor, self.backbone(pixels.to(self.dtype), **self.told))
        embeddings = F.normalize(features.float(), dim=-1, eps=EPS)
        for fitted in self.fitted:
            embeddings = fitted(embeddings)
        return embeddings


def _halved(backbone: nn.Module) -> nn.Module:
    """Return the backbone in float16; parts that return float32 on purpose may stand anywhere."""
    halved = backbone.half()
    for module in halved.modules():
        if isinstance(getattr(module, "weight", None), Tensor):
            module.register_forward_pre_hook(_cast_to_weight)
    return halved


def _cast_to_weight(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    dtype = cast(Tensor, module.weight).dtype
    return tuple(
        x.to(dtype) if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs
    )

"""What a frozen trunk made of images, kept while training: the same image gives the same again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, ClassVar, Final

import torch
from torch import nn

from georet.errors import ConfigError

GROUP: Final = 4
"""Images that pass the trunk at a time. Always so many, filled up where there are fewer: what comes
out of one must not depend, in its last bits, on which others are there, or a run that is resumed
with an empty memory would go another way."""


class Remembered:
    """Images float[B, 3, H, W] -> what the trunk makes of them, computed once for the same pixels.

    Images are told apart by a hash of their pixels, so flips and turns are kept beside the image.
    Random changes that are never drawn twice find nothing. Up to ``limit_mb`` (1e6 bytes) are kept,
    later images are computed anew. For the CPU: elsewhere pixels would have to come back for their
    hash. Copies of the network share one memory.
    """

    always: ClassVar[bool] = False
    """Whether images that judge are remembered too, for which no batch is put together anew."""

    def __init__(self, limit_mb: int) -> None:
        self._left = limit_mb * 1_000_000
        self._kept: dict[bytes, torch.Tensor] = {}

    def __deepcopy__(self, _: dict[int, Any]) -> Remembered:
        return self

    @torch.no_grad()
    def __call__(
        self, trunk: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor
    ) -> torch.Tensor:
        """Return ``trunk(images)`` for a batch."""
        pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        keys = [hashlib.blake2b(image, digest_size=16).digest() for image in pixels]
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self._kept}
        found = {key: self._kept[key] for key in keys if key in self._kept}
        for start in range(0, len(first), GROUP):
            new = list(first)[start : start + GROUP]
            rows = [first[key] for key in new]
            made = trunk(images[rows + rows[-1:] * (GROUP - len(rows))])
            for key, one in zip(new, made, strict=False):
                found[key] = one.clone()
                self._keep(key, found[key])
        batch = torch.stack([found[key] for key in keys])
        return batch.contiguous(memory_format=_layout(images)) if batch.ndim == 4 else batch

    def _keep(self, key: bytes, made: torch.Tensor) -> None:
        size = made.numel() * made.element_size()
        if size <= self._left:
            self._left -= size
            self._kept[key] = made


def remembering(trunk: nn.Module, limit_mb: int) -> Remembered | None:
    """Return a memory for the trunk, None where it may hold nothing.

    Raises ConfigError where the same image doesn't give the same as long as training goes on.
    """
    if not limit_mb:
        return None
    moves = any(parameter.requires_grad for parameter in trunk.parameters()) or any(
        module.training
        for module in trunk.modules()
        if not isinstance(module, nn.Identity) and next(module.children(), None) is None
    )
    if moves:
        raise ConfigError(
            "only what a wholly frozen network makes of images can be remembered",
            where="remember_mb",
            hint="Freeze all stages that are left (freeze_stages), or leave it out.",
        )
    return Remembered(limit_mb)


def _layout(images: torch.Tensor) -> torch.memory_format:
    is_last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.contiguous_format

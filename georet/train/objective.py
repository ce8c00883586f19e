"""The objective: a weighted sum of losses, which may own parameters."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from georet.contracts.training import Loss
from georet.types import EmbeddedBatch, PairTable


class Objective(nn.Module):
    """(embedded: EmbeddedBatch) -> total float[] and each loss's value, by name."""

    def __init__(self, losses: Mapping[str, tuple[Loss, float]]) -> None:
        super().__init__()
        self._losses = dict(losses)
        # Registered so that their parameters and buffers are trained, moved and saved.
        self.losses = nn.ModuleDict(
            {name: loss for name, (loss, _) in losses.items() if isinstance(loss, nn.Module)}
        )

    def prepare(self, embed_dim: int, pairs: PairTable) -> None:
        """Let each loss that wants to build its own parameters do so."""
        for loss, _ in self._losses.values():
            build = getattr(loss, "prepare", None)
            if build is not None:
                build(embed_dim, pairs)

    def forward(self, embedded: EmbeddedBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum and the unweighted values."""
        values = {name: loss(embedded) for name, (loss, _) in self._losses.items()}
        weighted = [values[name] * weight for name, (_, weight) in self._losses.items()]
        return torch.stack(weighted).sum(), {name: value.detach() for name, value in values.items()}

"""A loss with parameters of its own, for tests."""

from __future__ import annotations

import torch
from torch.nn import functional

from georet.types import EmbeddedBatch, PairTable


class Proxies(torch.nn.Module):
    """Cross-entropy of each query among ``num`` learnt centres; pair i belongs to i mod ``num``."""

    def __init__(self, *, num: int = 4) -> None:
        super().__init__()
        self.num = num

    def prepare(self, embed_dim: int, pairs: PairTable) -> None:  # noqa: ARG002
        """Make the centres float[num, embed_dim]."""
        self.centres = torch.nn.Parameter(torch.randn(self.num, embed_dim) / 4)

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        """Return the loss of a batch float[]."""
        labels = torch.from_numpy(embedded.batch.pairs % self.num).to(embedded.query.device)
        loss: torch.Tensor = functional.cross_entropy(embedded.query @ self.centres.T, labels)
        return loss

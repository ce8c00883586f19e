"""InfoNCE whose targets are smoothed pair by pair."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from georet.encoder import real
from georet.types import EmbeddedBatch


class WeightedInfoNCE(torch.nn.Module):
    """EmbeddedBatch of B pairs -> float[]: mean of the cross-entropies of rows and of columns.

    The target of pair i, in its row and in its column, is smoothed by 1 - sigmoid(``k`` w_i), where
    w_i in 0..1 is how much of it overlaps: the metadata column ``column`` of the pairs. Ji et al.,
    AAAI 2025, arXiv 2409.16925, section 3. Always computed in float32.
    """

    def __init__(
        self,
        *,
        column: str = "iou",
        k: Annotated[float, Field(gt=0)] = 5.0,
        max_logit_scale: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        super().__init__()
        self.column, self.k, self.max_logit_scale = column, k, max_logit_scale
        self.requires_columns = (column,)

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        """Return the loss float[] in float32; DataError where the pairs have no such column."""
        device = embedded.query.device
        overlap = np.asarray(embedded.batch.column(self.column), np.float32)
        with torch.autocast(device.type, enabled=False):
            scale = real(embedded.logit_scale)
            if self.max_logit_scale is not None:
                scale = scale.clamp(max=self.max_logit_scale)
            logits = scale * (real(embedded.query) @ real(embedded.reference).T)
            weight = torch.from_numpy(overlap).to(device, logits.dtype)
            smoothing = 1 - torch.sigmoid(self.k * weight)
            return (_towards(logits, smoothing) + _towards(logits.T, smoothing)) / 2


def _towards(logits: torch.Tensor, smoothing: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy float[] of rows float[B, B] with the smoothing float[B]."""
    target = (1 - smoothing) * logits.diagonal() + smoothing * logits.mean(dim=1)
    return (torch.logsumexp(logits, dim=1) - target).mean()

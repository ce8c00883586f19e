"""The triplet loss with semi-hard negatives, in both directions."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from georet.types import EmbeddedBatch

FARTHEST = 4.0
"""The largest squared distance between two unit vectors."""


class SemiHardTriplet(torch.nn.Module):
    """EmbeddedBatch of B pairs -> float[]: mean of max(0, d(positive) - d(negative) + margin).

    d is the squared Euclidean distance of unit-length embeddings, 2 - 2 cos. Of each query's
    negatives in the batch the nearest one that is farther than the positive counts (semi-hard;
    Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015, section 3.2), or the farthest where all
    are nearer. The same from references to queries; the two means are averaged. References that
    show the query's place too (semi-positives) are no negatives.

    ``semi_hard_share`` float[] is, of the last batch, the share of triplets whose negative lies
    between the positive and the margin.
    """

    def __init__(self, *, margin: Annotated[float, Field(gt=0, le=FARTHEST)] = 0.2) -> None:
        super().__init__()
        self.margin = margin
        self.semi_hard_share = torch.zeros(())

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        """Return the loss float[]."""
        distances = 2 - 2 * embedded.query @ embedded.reference.T
        mask = torch.from_numpy(embedded.batch.semi_positive_mask).to(distances.device)
        allowed = ~mask & ~torch.eye(len(mask), dtype=torch.bool, device=distances.device)
        excess = torch.cat([self._excess(distances, allowed), self._excess(distances.T, allowed.T)])
        self.semi_hard_share = ((excess > 0) & (excess < self.margin)).float().mean().detach()
        return excess.relu().mean()

    def _excess(self, distances: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
        """Return d(positive) - d(negative) + margin float[B], one triplet a row."""
        positive = distances.diagonal()
        farther = allowed & (distances > positive[:, None])
        nearest = distances.masked_fill(~farther, torch.inf).amin(dim=1)
        farthest = distances.masked_fill(~allowed, -torch.inf).amax(dim=1)
        negative = torch.where(farther.any(dim=1), nearest, farthest)
        # A row without any negative must cost nothing, and keep infinity out of the gradient.
        negative = negative.masked_fill(~allowed.any(dim=1), FARTHEST + self.margin)
        return positive - negative + self.margin

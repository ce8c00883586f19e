"""The loss ``orientation``: heading of the photo against its tile, from both embeddings."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from georet.encoder import real
from georet.types import Doubles, EmbeddedBatch, PairTable
from georet_orientation.labels import WEIGHT, YAW, followed


class Orientation(torch.nn.Module):
    """EmbeddedBatch of B pairs -> float[]: the weighted mean of 1 - cos(predicted - true heading).

    A small network of the loss's own reads [q; r; q * r] of the unit-length embeddings q and r, and
    returns a direction in the plane. It is trained with the encoder and never exported. ``column``
    holds the headings in radians, clockwise from the tile's upper edge, ``weight`` their weights
    (None: 1 each); both follow georet's augmentations and ``align_tile``. A batch without a
    certain heading costs nothing.

    After the abstract of Deuser et al., arXiv 2308.00982; the network's form and the distance are
    georet's.
    """

    head: torch.nn.Module

    def __init__(
        self,
        *,
        column: str = YAW,
        weight: str | None = None,
        hidden: Annotated[int, Field(gt=0)] = 128,
    ) -> None:
        super().__init__()
        self.column, self.weight, self.hidden = column, weight, hidden
        self.requires_columns = (column,) if weight is None else (column, weight)

    def prepare(self, embed_dim: int, pairs: PairTable) -> None:  # noqa: ARG002
        """Make the network for embeddings of this length."""
        self.head = torch.nn.Sequential(
            torch.nn.Linear(3 * embed_dim, self.hidden),
            torch.nn.GELU(),
            torch.nn.Linear(self.hidden, 2),
        )

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        """Return the loss float[] in float32."""
        batch = embedded.batch
        yaw = followed(batch, self.column)
        weight: Doubles = np.ones(len(yaw))
        if WEIGHT in batch.applied:
            weight = np.asarray(batch.applied[WEIGHT], np.float64)
        elif self.weight is not None:
            weight = np.asarray(batch.column(self.weight), np.float64)
        direction = np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
        device = embedded.query.device
        wanted, weights = (
            torch.from_numpy(array.astype(np.float32)).to(device) for array in (direction, weight)
        )
        with torch.autocast(device.type, enabled=False):
            query, reference = real(embedded.query), real(embedded.reference)
            found = self.head(torch.cat([query, reference, query * reference], dim=1))
            off = 1 - torch.nn.functional.cosine_similarity(found, wanted, dim=1)
            return (weights * off).sum() / weights.sum().clamp(min=1e-6)

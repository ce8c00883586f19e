"""InfoNCE with what else contrastive losses do: other sides, denominators, factors, a memory."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from georet.encoder import real
from georet.types import REFERENCE, Batch, EmbeddedBatch, PairTable

Positive = Annotated[float, Field(gt=0)]
Smoothing = Annotated[float, Field(ge=0, lt=1)]
NOBODY = -1
"""The reference of a place in the memory that is still empty."""


class Contrastive(nn.Module):
    """EmbeddedBatch of B pairs -> float[]: the mean over rows, columns or both of a contrast.

    A row's is log of the sum of exp(logits) less its target, (1 - e) times the positive's logit
    plus e, the ``label_smoothing``, times the mean of the batch's logits: InfoNCE as it stands.

    ``sides``: ``queries`` look for their references, ``references`` for their queries, or both.
    ``decoupled`` leaves the positive out of the sum (DCL: Yeh et al., arXiv 2110.06848, equation
    6; with ``label_smoothing`` 0, as there).
    ``logit_scale``: factors on the cosines at the run's start and end, geometric between them;
    without it, what the encoder has learnt.
    ``memory``: so many pairs of the steps before are negatives too, without gradients to them
    (cross-batch memory: Wang et al., arXiv 1912.06798), once the run's ``progress`` is
    ``memory_from``: what earlier steps remember is of another encoder while the rate is high, and
    does harm. A pair that shows the place, or a semi-positive, is left out. The memory is
    part of checkpoints. Always computed in float32.
    """

    queries: Tensor
    references: Tensor
    places: Tensor
    newest: Tensor

    def __init__(
        self,
        *,
        label_smoothing: Smoothing = 0.1,
        sides: Literal["both", "queries", "references"] = "both",
        decoupled: bool = False,
        logit_scale: tuple[Positive, Positive] | None = None,
        memory: Annotated[int, Field(ge=0)] = 0,
        memory_from: Annotated[float, Field(ge=0, le=1)] = 0.75,
    ) -> None:
        super().__init__()
        self.label_smoothing, self.sides, self.decoupled = label_smoothing, sides, decoupled
        self.logit_scale, self.memory, self.memory_from = logit_scale, memory, memory_from

    def prepare(self, embed_dim: int, pairs: PairTable) -> None:  # noqa: ARG002
        """Make room for the memory."""
        if self.memory:
            for name in ("queries", "references"):
                self.register_buffer(name, torch.zeros(self.memory, embed_dim))
            self.register_buffer("places", torch.full((self.memory,), NOBODY))
            self.register_buffer("newest", torch.zeros((), dtype=torch.int64))

    def forward(self, embedded: EmbeddedBatch) -> Tensor:
        """Return the loss float[] in float32."""
        device, batch = embedded.query.device, embedded.batch
        with torch.autocast(device.type, enabled=False):
            scale = self._scale(embedded)
            query, reference = real(embedded.query), real(embedded.reference)
            logits = scale * (query @ reference.T)
            past: tuple[Tensor | None, Tensor | None] = (None, None)
            if self.memory and batch.progress >= self.memory_from:
                out = self._left_out(batch, device)
                # Copies, since the backward pass needs them as they are before this step's.
                past = (
                    (scale * (query @ self.references.T.clone())).masked_fill(out, -torch.inf),
                    (scale * (reference @ self.queries.T.clone())).masked_fill(out, -torch.inf),
                )
            found = []
            if self.sides != "references":
                found.append(self._contrast(logits, past[0]))
            if self.sides != "queries":
                found.append(self._contrast(logits.T, past[1]))
            loss = torch.stack(found).mean()
        if self.memory and self.training:
            self._remember(query.detach(), reference.detach(), batch, good=loss.isfinite())
        return loss

    def _scale(self, embedded: EmbeddedBatch) -> Tensor:
        if self.logit_scale is None:
            return real(embedded.logit_scale)
        (first, last), progress = self.logit_scale, embedded.batch.progress
        return torch.tensor(first ** (1 - progress) * last**progress, device=embedded.query.device)

    def _contrast(self, logits: Tensor, past: Tensor | None) -> Tensor:
        """Return the mean contrast float[] of rows float[B, B], beside negatives float[B, M]."""
        positive, smoothing = logits.diagonal(), self.label_smoothing
        target = (1 - smoothing) * positive + smoothing * logits.mean(dim=1)
        summed = logits
        if self.decoupled:
            summed = logits.masked_fill(torch.eye(len(logits)).bool().to(logits.device), -torch.inf)
        if past is not None:
            summed = torch.cat([summed, past], dim=1)
        return (summed.logsumexp(dim=1) - target).mean()

    def _left_out(self, batch: Batch, device: torch.device) -> Tensor:
        """Return bool[B, M]: what in the memory is nobody, or shows the place of the pair."""
        own = batch.rows[REFERENCE][:, None]
        semi = batch.table.semi_positives
        same = own if semi is None else np.concatenate([own, semi[batch.pairs]], axis=1)
        near = torch.from_numpy(same).to(device)[:, :, None] == self.places
        return near.any(dim=1) | (self.places == NOBODY)

    @torch.no_grad()
    def _remember(self, query: Tensor, reference: Tensor, batch: Batch, *, good: Tensor) -> None:
        """Put the newest pairs over the oldest, unless the step is one that is skipped."""
        num = min(len(query), self.memory)
        at = (self.newest + torch.arange(num, device=query.device)) % self.memory
        places = torch.from_numpy(batch.rows[REFERENCE]).to(query.device)
        for kept, new in (
            (self.queries, query),
            (self.references, reference),
            (self.places, places),
        ):
            kept[at] = torch.where(good, new[:num], kept[at])
        self.newest += num * good

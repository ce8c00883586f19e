"""The loss of SinGeo: cross-entropies across and within the views of a pair."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch.nn import functional as F

from georet.encoder import real
from georet.types import QUERY, REFERENCE, EmbeddedBatch
from georet_congeo.doubled import SECOND
from georet_congeo.loss import check_views

Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class SinGeo(torch.nn.Module):
    """EmbeddedBatch of B pairs with four views -> float[]: a weighted sum of cross-entropies.

    With g and s the panorama and the tile, g* and s* the views ``query_b`` and ``reference_b``, and
    L(a, B) the cross-entropy of anchors a among candidates B, each of which has one positive:
    L(g, S) + ``across`` (L(g*, S) + L(g, S*) + L(g*, S*)) + ``within`` (L(g*, G) + L(s*, S)).
    With ``symmetric`` each L is the mean of both directions, as InfoNCE is elsewhere (ours).
    SinGeo, CVPR 2026, arXiv 2603.09377. DataError for a data set without these views.
    """

    def __init__(
        self,
        *,
        across: Weight = 0.25,
        within: Weight = 0.5,
        label_smoothing: Share = 0.1,
        symmetric: bool = False,
    ) -> None:
        super().__init__()
        narrow, turned = SECOND[QUERY], SECOND[REFERENCE]
        self.terms = (
            (1.0, QUERY, REFERENCE),
            (across, narrow, REFERENCE),
            (across, QUERY, turned),
            (across, narrow, turned),
            (within, narrow, QUERY),
            (within, turned, REFERENCE),
        )
        self.label_smoothing, self.symmetric = label_smoothing, symmetric

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        """Return the loss float[] in float32."""
        check_views(embedded)
        device = embedded.query.device
        with torch.autocast(device.type, enabled=False):
            scale = real(embedded.logit_scale)
            shown = {view: real(vectors) for view, vectors in embedded.embeddings.items()}
            total = torch.zeros((), device=device)
            for weight, anchors, candidates in self.terms:
                if weight:
                    logits = scale * (shown[anchors] @ shown[candidates].T)
                    total = total + weight * self._cross_entropy(logits)
            return total

    def _cross_entropy(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy float[] of logits float[B, B], positives diagonal."""
        target = torch.arange(len(logits), device=logits.device)
        found = F.cross_entropy(logits, target, label_smoothing=self.label_smoothing)
        if not self.symmetric:
            return found
        other = F.cross_entropy(logits.T, target, label_smoothing=self.label_smoothing)
        return (found + other) / 2

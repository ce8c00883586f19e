"""The loss of ConGeo: InfoNCE between the views of a pair and within them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field

from georet.errors import DataError
from georet.types import QUERY, REFERENCE, EmbeddedBatch
from georet_congeo.doubled import SECOND
from georet_sample4geo.info_nce import InfoNCE

Weight = Annotated[float, Field(ge=0)]


class ConGeo(torch.nn.Module):
    """EmbeddedBatch of B pairs with four views -> float[]: a weighted sum of InfoNCE losses.

    I(q, r) + ``within_queries`` I(q, q') + ``within_references`` I(r, r') + ``across`` I(r, q'),
    where I is Sample4Geo's symmetric InfoNCE with one factor on all cosines, q' the view
    ``query_b`` and r' ``reference_b``. Mi et al., ECCV 2024, arXiv 2403.13965, section 3, whose
    weights are the defaults. ``ignore_semi_positives`` and ``max_logit_scale`` as in
    ``sample4geo:info_nce``. DataError for a data set without these views.
    """

    def __init__(
        self,
        *,
        within_queries: Weight = 0.5,
        within_references: Weight = 0.5,
        across: Weight = 0.25,
        label_smoothing: float = 0.1,
        max_logit_scale: float | None = None,
        ignore_semi_positives: bool = False,
    ) -> None:
        super().__init__()
        self.terms = (
            (1.0, QUERY, REFERENCE),
            (within_queries, QUERY, SECOND[QUERY]),
            (within_references, REFERENCE, SECOND[REFERENCE]),
            (across, REFERENCE, SECOND[QUERY]),
        )
        self.contrast = InfoNCE(
            label_smoothing=label_smoothing,
            max_logit_scale=max_logit_scale,
            ignore_semi_positives=ignore_semi_positives,
        )

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        """Return the loss float[] in float32."""
        check_views(embedded)
        total = embedded.logit_scale.new_zeros(()).float()
        for weight, first, second in self.terms:
            if weight:
                shown = {
                    QUERY: embedded.embeddings[first],
                    REFERENCE: embedded.embeddings[second],
                }
                total = total + weight * self.contrast(replace(embedded, embeddings=shown))
        return total


def check_views(embedded: EmbeddedBatch) -> None:
    """Raise DataError unless the pairs have all four views."""
    missing = [view for view in SECOND.values() if view not in embedded.embeddings]
    if missing:
        raise DataError(
            f"the pairs have no view {missing[0]!r}",
            where="the loss",
            hint="Wrap the data set: dataset={name: congeo:doubled, inner: ...}",
        )

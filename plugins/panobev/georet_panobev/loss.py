"""Loss ``split``: another loss on each part of the embedding."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.encoder import real
from georet.errors import ConfigError
from georet.types import EmbeddedBatch, PairTable


class Split(torch.nn.Module):
    """EmbeddedBatch of B pairs -> float[]: the sum of ``inner``'s values on ``parts`` equal parts.

    Each part of an embedding is scaled to unit length, as if an encoder of its own had made it; a
    backbone such as ``panobev`` has put its streams there. All parts share the learnt temperature
    (EP-BEV trains two encoders, each with its own).
    """

    def __init__(
        self,
        *,
        inner: ComponentSpec,
        parts: Annotated[int, Field(ge=2)] = 2,
        context: BuildContext,
    ) -> None:
        super().__init__()
        self.parts = parts
        self.losses = torch.nn.ModuleList(
            [context.create("losses", inner, "inner") for _ in range(parts)]
        )
        columns = getattr(self.losses[0], "requires_columns", ())
        self.requires_columns = tuple(columns)

    def prepare(self, embed_dim: int, pairs: PairTable) -> None:
        """Prepare the inner losses for parts of the embedding; ConfigError if it has none."""
        if embed_dim % self.parts:
            raise ConfigError(
                f"an embedding of {embed_dim} has no {self.parts} equal parts", where="split.parts"
            )
        for loss in self.losses:
            prepare: Any = getattr(loss, "prepare", None)
            if prepare is not None:
                prepare(embed_dim // self.parts, pairs)

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        """Return the loss float[] in float32."""
        total = embedded.logit_scale.new_zeros(())
        for part, loss in enumerate(self.losses):
            features = {
                view: real(tensor).chunk(self.parts, dim=1)[part]
                for view, tensor in embedded.features.items()
            }
            units = {
                view: torch.nn.functional.normalize(tensor, dim=1)
                for view, tensor in features.items()
            }
            total = total + loss(replace(embedded, features=features, embeddings=units))
        return total

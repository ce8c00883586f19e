"""Batch plans, batches on their way to the encoder, and what a loss sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError
from georet.tables.arrays import QUERY as QUERY
from georet.tables.arrays import REFERENCE as REFERENCE
from georet.tables.arrays import Bools as Bools
from georet.tables.arrays import Doubles as Doubles
from georet.tables.arrays import Floats as Floats
from georet.tables.arrays import Ints as Ints
from georet.tables.arrays import Pixels as Pixels
from georet.tables.arrays import Ragged
from georet.tables.bank import BankSpec as BankSpec
from georet.tables.bank import EmbeddingBank as EmbeddingBank
from georet.tables.images import ImageTable as ImageTable
from georet.tables.pairs import PairTable as PairTable

if TYPE_CHECKING:
    import torch

Positives = Ragged
"""int64[Q, P], the positive first, then semi-positives, -1 pads; or a list of rows for N:M."""

JUNK_ID = "-1"
"""The id of references that are neither right nor wrong, as University-1652 writes it."""


@dataclass(frozen=True)
class BatchPlan:
    """One epoch's batches: int64[S, B] rows of the pair table, no pair twice."""

    batches: Ints
    epoch: int
    seed: int
    sampler: str
    info: Mapping[str, float] = field(default_factory=dict)


class Applied(dict[str, Floats]):
    """{name: float32[B]} of what transforms reported; a name that none did is an error in words."""

    def __missing__(self, name: str) -> Floats:
        raise DataError(
            f"no transform reported {name!r} in this batch",
            hint=f"Reported were {', '.join(self)}." if self else "Nothing was reported.",
        )


@dataclass
class Batch:
    """B pairs on their way to the encoder; images are uint8[B, H, W, 3] for each embedded view.

    ``pairs`` int64[B] are rows of ``table``; ``rows`` {view: int64[B]} the rows of the pairs' own
    images in each view's table (-1: the pair has none), which say what is the same place;
    ``shown`` {view: int64[B]} those of the images that were drawn for this batch, the same as
    ``rows`` where the table has no alternatives. ``progress`` is the run's, 0 at its first step and
    just below 1 at its last. ``applied`` {name: float32[B]} is what transforms reported, NaN where
    a pair's didn't.

    Where several processes train together, each loads its share: then ``whole`` is all of the
    batch, without images, and everything else here is of the share.
    """

    images: dict[str, torch.Tensor]
    pairs: Ints
    rows: dict[str, Ints]
    table: PairTable
    epoch: int
    step: int
    progress: float = 0.0
    applied: Mapping[str, Floats] = field(default_factory=Applied)
    shown: dict[str, Ints] = field(default_factory=dict)
    whole: Batch | None = None

    def __post_init__(self) -> None:
        self.shown = self.rows | self.shown
        self.applied = Applied(self.applied)

    def column(self, name: str) -> NDArray[Any]:
        """Return the metadata column [B] of the batch's pairs."""
        return self.table.column(name)[self.pairs]

    def image_column(self, view: str, name: str) -> NDArray[Any]:
        """Return the metadata column [B] of one view's images, as shown.

        What stands for a pair that lacks the view means nothing; ``has`` says which those are.
        """
        return self.table.views[view].column(name)[self.shown[view]]

    def has(self, view: str) -> Bools:
        """Return bool[B]: whether the pair has an image of the view.

        The embeddings and features of one that hasn't are zeros.
        """
        return self.rows[view] >= 0

    def latlon(self, view: str) -> Doubles | None:
        """Return the positions float64[B, 2] of one view's images, as shown, or None."""
        latlon = self.table.views[view].latlon
        return None if latlon is None else latlon[self.shown[view]]

    @cached_property
    def semi_positive_mask(self) -> Bools:
        """bool[B, B]: reference j is another positive or a semi-positive of query i."""
        own, shown = self.rows[REFERENCE], self.shown[REFERENCE]
        mask: Bools = (own[:, None] == own[None, :]) | (shown[:, None] == shown[None, :])
        if self.table.semi_positives is not None:
            semi = self.table.semi_positives[self.pairs][:, :, None]
            mask |= ((semi == own[None, None, :]) | (semi == shown[None, None, :])).any(axis=1)
        if REFERENCE in self.table.alternatives:
            mask |= self.table.are_alternatives(REFERENCE, self.pairs, shown)
        np.fill_diagonal(mask, val=False)
        return mask


@dataclass
class EmbeddedBatch:
    """What a loss sees: unit-length embeddings and raw features float[B, D] per view, in float32.

    Both are zeros where a pair lacks the view (see ``Batch.has``). ``logit_scale`` float[] is the
    factor on cosines. ``outputs`` {view: {name: float32[B, ...]}}, and of them ``maps``
    {view: float32[B, C, h, w]}, are what else losses asked backbones for.
    """

    embeddings: dict[str, torch.Tensor]
    features: dict[str, torch.Tensor]
    logit_scale: torch.Tensor
    batch: Batch
    outputs: Mapping[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)
    maps: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def query(self) -> torch.Tensor:
        """Query embeddings float[B, D]."""
        return self.embeddings[QUERY]

    @property
    def reference(self) -> torch.Tensor:
        """Reference embeddings float[B, D]; row i belongs to query i."""
        return self.embeddings[REFERENCE]

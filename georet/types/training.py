"""Tables of images and of training pairs, batch plans, banks, and what a loss sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError
from georet.tables.bank import BankSpec as BankSpec
from georet.tables.bank import EmbeddingBank as EmbeddingBank

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Positives = Ints | Sequence[Sequence[int]]
"""int64[Q, P], the positive first, then semi-positives, -1 pads; or a list of rows for N:M."""

QUERY, REFERENCE = "query", "reference"
JUNK_ID = "-1"
"""The id of references that are neither right nor wrong, as University-1652 writes it."""


@dataclass(frozen=True)
class ImageTable:
    """A table of R images: ids, paths, latlon float64[R, 2] or None, metadata columns [R]."""

    ids: Sequence[str]
    paths: Sequence[Path]
    latlon: Doubles | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    name: str = "images"

    def __post_init__(self) -> None:
        self._check_lengths()
        self._check_ids()
        self._check_latlon()

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Ints) -> ImageTable:
        """Return the table of the given rows int64[M], in that order."""
        return ImageTable(
            [self.ids[i] for i in rows],
            [self.paths[i] for i in rows],
            None if self.latlon is None else self.latlon[rows],
            {name: column[rows] for name, column in self.columns.items()},
            self.name,
        )

    def _check_lengths(self) -> None:
        num = len(self.ids)
        sizes = {"paths": len(self.paths)} | {c: len(v) for c, v in self.columns.items()}
        if self.latlon is not None:
            sizes["latlon"] = len(self.latlon)
        for column, size in sizes.items():
            if size != num:
                raise DataError(
                    f"column {column!r} has {size} rows, ids have {num}", where=self.name
                )

    def _check_ids(self) -> None:
        if len(set(self.ids)) == len(self.ids):
            return
        seen: set[str] = set()
        twice = next(i for i in self.ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
        raise DataError(
            f"duplicate id {twice!r}", where=self.name, hint="ids must be unique within a table"
        )

    def _check_latlon(self) -> None:
        if self.latlon is None:
            return
        bad = ~(np.isfinite(self.latlon).all(axis=1) & (np.abs(self.latlon[:, 0]) <= 90))
        bad |= np.abs(self.latlon[:, 1]) > 360
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"latitude, longitude of {self.ids[row]!r} are {tuple(self.latlon[row].tolist())}",
                where=self.name,
                hint="latitude must lie in -90..90, longitude in -180..180; are they swapped?",
            )


@dataclass(frozen=True)
class PairTable:
    """N training pairs over named views: ``pairs`` int64[N, V] holds rows of each view's table.

    The first view is ``query``, the second ``reference``; further ones are free (-1: the pair has
    none). ``semi_positives`` int64[N, S] are reference rows that show the query's place too (-1
    pads). ``columns`` are metadata of the pairs, for losses and metrics.
    """

    views: Mapping[str, ImageTable]
    pairs: Ints
    semi_positives: Ints | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = list(self.views)
        if names[:2] != [QUERY, REFERENCE]:
            raise DataError(f"views are {names}, the first two must be query and reference")
        if self.pairs.ndim != 2 or self.pairs.shape[1] != len(names):
            raise DataError(f"pairs have shape {self.pairs.shape}, wanted [N, {len(names)}]")
        for column, view in enumerate(names):
            rows, lowest = self.pairs[:, column], 0 if column < 2 else -1
            if len(rows) and (rows.min() < lowest or rows.max() >= len(self.views[view])):
                raise DataError(f"pairs point outside the {len(self.views[view])} {view} images")
        for name, values in self.columns.items():
            if len(values) != len(self):
                raise DataError(
                    f"column {name!r} has {len(values)} rows, there are {len(self)} pairs"
                )

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def queries(self) -> ImageTable:
        """The table of query images."""
        return self.views[QUERY]

    @property
    def references(self) -> ImageTable:
        """The table of reference images."""
        return self.views[REFERENCE]

    @cached_property
    def is_many_to_one(self) -> bool:
        """Whether some reference belongs to more than one pair."""
        return len(np.unique(self.pairs[:, 1])) < len(self)


@dataclass(frozen=True)
class BatchPlan:
    """One epoch's batches: int64[S, B] rows of the pair table, no pair twice."""

    batches: Ints
    epoch: int
    seed: int
    sampler: str
    info: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Batch:
    """B pairs on their way to the encoder; images are uint8[B, H, W, 3] for each view."""

    images: dict[str, torch.Tensor]
    pairs: Ints
    rows: dict[str, Ints]
    table: PairTable
    epoch: int
    step: int

    def column(self, name: str) -> NDArray[Any]:
        """Return the metadata column [B] of the batch's pairs."""
        if name not in self.table.columns:
            raise DataError(
                f"the training pairs have no column {name!r}",
                hint=f"The data set has {', '.join(self.table.columns) or 'no columns'}.",
            )
        return self.table.columns[name][self.pairs]

    def latlon(self, view: str) -> Doubles | None:
        """Return the positions float64[B, 2] of one view's images, or None."""
        latlon = self.table.views[view].latlon
        return None if latlon is None else latlon[self.rows[view]]

    @cached_property
    def semi_positive_mask(self) -> Bools:
        """bool[B, B]: reference j is another positive or a semi-positive of query i."""
        reference = self.rows[REFERENCE]
        mask: Bools = reference[:, None] == reference[None, :]
        if self.table.semi_positives is not None:
            semi = self.table.semi_positives[self.pairs]
            mask |= (semi[:, :, None] == reference[None, None, :]).any(axis=1)
        np.fill_diagonal(mask, val=False)
        return mask


@dataclass
class EmbeddedBatch:
    """What a loss sees: unit-length embeddings and raw features float[B, D] per view, in float32.

    ``logit_scale`` float[] is the factor on cosines. ``outputs`` {view: {name: float32[B, ...]}},
    and of them ``maps`` {view: float32[B, C, h, w]}, are what else losses asked backbones for.
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

"""Made-up pairs, batches and banks for the checks; no image stands behind them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from georet.tables.bank import Vectors
from georet.types import (
    QUERY,
    REFERENCE,
    BankSpec,
    Batch,
    Doubles,
    EmbeddedBatch,
    EmbeddingBank,
    Floats,
    ImageTable,
    Ints,
    PairTable,
)

_STEP_LATLON = 0.01
_LOGIT_SCALE = 14.0


def made_up_pairs(num_places: int, *, seed: int = 0, queries_per_place: int = 1) -> PairTable:
    """Return a table of num_places * queries_per_place pairs, on a jittered grid of about 1 km."""
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange(num_places), max(1, round(num_places**0.5)))
    grid = np.stack([row, column], axis=1) + rng.uniform(-0.3, 0.3, (num_places, 2))
    latlon = np.array([46.0, 7.0]) + _STEP_LATLON * grid
    place = np.repeat(np.arange(num_places), queries_per_place)
    rows = np.arange(len(place))
    views = {
        QUERY: _table(QUERY, len(place), latlon[place]),
        REFERENCE: _table(REFERENCE, num_places, latlon),
    }
    return PairTable(views, np.stack([rows, place], axis=1))


def made_up_bank(
    pairs: PairTable, epoch: int, *, embed_dim: int = 16, spec: BankSpec | None = None
) -> EmbeddingBank:
    """Return a bank of random unit embeddings; a pair's images lie near its reference.

    ``spec`` is what a sampler wants to be kept of them.
    """
    spec = spec or BankSpec()
    rng = np.random.default_rng([len(pairs), epoch])
    reference = _unit(rng.normal(size=(len(pairs.references), embed_dim)))
    vectors: dict[str, Vectors] = {}
    for column, (view, table) in enumerate(pairs.views.items()):
        found = reference
        if view != REFERENCE:
            found = np.zeros((len(table), embed_dim), np.float32)
            has_image = pairs.pairs[:, column] >= 0
            found[pairs.pairs[has_image, column]] = reference[pairs.pairs[has_image, 1]]
            found = _unit(found + rng.normal(0, 0.15, size=found.shape))
        if view in spec.views:
            vectors[view] = found if spec.encode is None else spec.encode(view, found)
    return EmbeddingBank.of_views(vectors, epoch, f"made-up-{epoch}")


def batch_of(table: PairTable, pairs: Ints, applied: Mapping[str, Floats] | None = None) -> Batch:
    """Return the batch of the given pairs int64[B], without images.

    ``applied`` {name: float32[N]} is what transforms reported, by pair of the table.
    """
    rows = {view: table.pairs[pairs, column] for column, view in enumerate(table.views)}
    reports = {name: values[pairs] for name, values in (applied or {}).items()}
    return Batch({}, pairs, rows, table, epoch=0, step=0, applied=reports)


def embedded_batch(features: dict[str, torch.Tensor], batch: Batch) -> EmbeddedBatch:
    """Return what a loss sees of raw features float[B, D]."""
    unit = {view: F.normalize(raw, dim=-1) for view, raw in features.items()}
    return EmbeddedBatch(unit, features, torch.tensor(_LOGIT_SCALE), batch)


def random_features(num: int, embed_dim: int, seed: int) -> torch.Tensor:
    """Return float[num, embed_dim] from a generator of its own."""
    return torch.randn(num, embed_dim, generator=torch.Generator().manual_seed(seed))


def _table(view: str, num: int, latlon: Doubles) -> ImageTable:
    ids = [f"{view}-{row}" for row in range(num)]
    return ImageTable(ids, [Path(f"{name}.jpg") for name in ids], latlon, name=view)


def _unit(vectors: Doubles) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = (vectors / lengths).astype(np.float32)
    return unit

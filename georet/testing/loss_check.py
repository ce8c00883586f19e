"""The check for losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from georet.contracts.training import Loss
from georet.testing.expect import expect
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs, random_features
from georet.types import QUERY, REFERENCE, EmbeddedBatch, Floats, Ints, PairTable

_RELATIVE = 1e-4
_Reports = Mapping[str, Floats] | None


def check_loss(
    loss: Loss,
    *,
    embed_dim: int = 16,
    batch_size: int = 8,
    pairs: PairTable | None = None,
    views: Sequence[str] = (QUERY, REFERENCE),
    rewards_alignment: bool = True,
    applied: Mapping[str, Floats] | None = None,
) -> None:
    """Raise AssertionError unless a loss keeps its contract, on batches of random features [B, D].

    Checked: a finite scalar in float32; a finite gradient to each of ``views``; the order of the
    pairs does not matter; nothing given is changed; and it falls when each query lies at its
    reference (unless ``rewards_alignment`` is False, for auxiliary losses). ``pairs`` replaces
    the made-up table, for losses that read metadata columns; ``applied`` {name: float32[N]} is what
    transforms reported for its pairs.
    """
    table = made_up_pairs(batch_size) if pairs is None else pairs
    expect(len(table) >= batch_size, f"{len(table)} pairs make no batch", "Give more pairs")
    prepare = getattr(loss, "prepare", None)
    if prepare is not None:
        prepare(embed_dim, table)
    rows = np.arange(batch_size)
    embedded = _embedded(table, rows, embed_dim, applied)
    value = _check_value(loss, embedded)
    _check_gradients(value, embedded, views)
    _check_order(loss, table, embed_dim, batch_size, applied)
    if rewards_alignment:
        _check_alignment(loss, table, embed_dim, batch_size, applied)


def _embedded(table: PairTable, rows: Ints, embed_dim: int, applied: _Reports) -> EmbeddedBatch:
    """Return random features for rows of the table; a pair's are the same wherever it stands."""
    drawn = {
        view: random_features(len(rows), embed_dim, seed)[torch.from_numpy(rows)].requires_grad_()
        for seed, view in enumerate(table.views)
    }
    return embedded_batch(drawn, batch_of(table, rows, applied))


def _check_value(loss: Loss, embedded: EmbeddedBatch) -> torch.Tensor:
    before = {view: e.detach().clone() for view, e in embedded.embeddings.items()}
    value: object = loss(embedded)
    expect(
        isinstance(value, torch.Tensor),
        f"the loss returned a {type(value).__name__}",
        "Return a torch.Tensor, without .item()",
    )
    assert isinstance(value, torch.Tensor)
    expect(
        value.ndim == 0,
        f"the loss has shape {tuple(value.shape)}",
        "Reduce it over the batch, with .mean()",
    )
    expect(
        value.dtype == torch.float32,
        f"the loss is {value.dtype}",
        "The embeddings are float32; stay there",
    )
    expect(
        bool(torch.isfinite(value)),
        f"the loss is {value.item()}",
        "Look for a logarithm or a division of zero, and for infinite masks under label smoothing",
    )
    unchanged = all(torch.equal(before[v], e.detach()) for v, e in embedded.embeddings.items())
    expect(unchanged, "the loss changes the embeddings", "Do not use in-place operations on them")
    return value


def _check_gradients(value: torch.Tensor, embedded: EmbeddedBatch, views: Sequence[str]) -> None:
    expect(
        value.requires_grad,
        "the loss is not differentiable",
        "Compute it from embedded.query and embedded.reference without detach() or numpy",
    )
    leaves = [embedded.features[view] for view in views]
    gradients: tuple[torch.Tensor | None, ...] = torch.autograd.grad(
        value, leaves, allow_unused=True
    )
    for view, gradient in zip(views, gradients, strict=True):
        expect(
            gradient is not None and bool(gradient.any()),
            f"no gradient reaches the {view} embeddings",
            f"Use embedded.embeddings[{view!r}], or name the views that matter: views=...",
        )
        assert gradient is not None
        expect(
            bool(torch.isfinite(gradient).all()),
            f"the gradient to the {view} embeddings is not finite",
            "Look for a square root or a norm at zero, and for 0 * inf behind a mask",
        )


def _check_order(
    loss: Loss, table: PairTable, embed_dim: int, batch_size: int, applied: _Reports
) -> None:
    order = np.random.default_rng(0).permutation(batch_size)
    value = loss(_embedded(table, np.arange(batch_size), embed_dim, applied)).item()
    other = loss(_embedded(table, order, embed_dim, applied)).item()
    expect(
        abs(other - value) <= _RELATIVE * max(abs(value), 1e-3),
        f"the loss depends on the order of the pairs: {value:.6g} became {other:.6g}",
        "Row i of the query belongs to row i of the reference; nothing else hangs on i. "
        "A loss that draws at random must be given a generator that it resets",
    )


def _check_alignment(
    loss: Loss, table: PairTable, embed_dim: int, batch_size: int, applied: _Reports
) -> None:
    batch = batch_of(table, np.arange(batch_size), applied)
    place = random_features(batch_size, embed_dim, 7)
    near = dict.fromkeys(table.views, place)
    far = {**near, QUERY: place.roll(1, dims=0)}
    aligned = loss(embedded_batch(near, batch)).item()
    mixed_up = loss(embedded_batch(far, batch)).item()
    expect(
        aligned < mixed_up,
        f"the loss is {aligned:.4g} where each query lies at its reference and {mixed_up:.4g} "
        "where it lies at another's",
        "The loss must fall when positives draw together; is a sign wrong? An auxiliary loss is "
        "checked with rewards_alignment=False",
    )

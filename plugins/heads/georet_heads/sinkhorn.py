"""Sinkhorn's algorithm: a plan of transport between two sets of masses, by the textbook."""

from __future__ import annotations

import torch


def transport(
    scores: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, rounds: int
) -> torch.Tensor:
    """Return log P float[B, m, n] of the plan exp(scores + f + g) between the given masses.

    ``scores`` float[B, m, n] are gains over the regularisation, ``rows`` float[m] and ``columns``
    float[n] positive masses of equal sums. After ``rounds`` alternate scalings of rows and of
    columns the sums of the columns are ``columns``, up to rounding, and those of the rows come
    nearer to ``rows`` with each round. Computed with logarithms, so nothing under- or overflows.
    Source: Peyre, Cuturi, Computational Optimal Transport, 2019, sections 4.2 and 4.4.
    """
    log_rows, log_columns = rows.log()[:, None], columns.log()[None, :]
    right = scores.new_zeros(scores.shape[0], 1, scores.shape[2])
    left = scores.new_zeros(scores.shape[0], scores.shape[1], 1)
    for _ in range(rounds):
        left = log_rows - torch.logsumexp(scores + right, dim=2, keepdim=True)
        right = log_columns - torch.logsumexp(scores + left, dim=1, keepdim=True)
    return scores + left + right

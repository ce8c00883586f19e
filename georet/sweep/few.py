"""Exact search for few queries: the sweep without what it only pays for with many."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch

from georet.sweep import Vectors
from georet.sweep.best import LOWEST, SPARE, Best, order
from georet.sweep.blocks import Block, Targets, scan
from georet.sweep.candidates import rounding
from georet.sweep.exact import Sides
from georet.sweep.vectors import tensor_of
from georet.sweep.work import is_unit_length
from georet.types import Ints

FEW: Final = 64
"""Up to so many queries are searched this way."""
BLOCK: Final = 2**19
"""Scores at once: few calls, and a block that stays in the cache."""
_NOTHING: Final = Targets(np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.int64))


def best_for_few(
    queries: Vectors, references: Vectors, k: int, ignored: Ints, *, is_unit: bool = False
) -> Ints:
    """Return the k best rows int64[Q, k], of equals the lower; -1 pads; as ``sweep`` does.

    ``ignored`` int64[] are rows to leave out, ascending; ``is_unit`` says that references need no
    scaling. The margin within which fp64 decides is the bound on an fp32 product's error instead of
    a measured one, and all runs in the caller's thread but the products.
    """
    num = len(queries)
    room = np.empty((num, k + SPARE), np.int64)
    best = Best(room, np.zeros(num, np.int64), np.full(num, LOWEST), k)
    # Nothing is counted, so no query has a threshold; ``scan`` still asks where its own would be.
    targets = _NOTHING._replace(start=np.zeros(num + 1, np.int64))
    sides, margin = Sides.of(queries, references), rounding(queries.rows.shape[1])
    is_unit = is_unit and is_unit_length(queries.length)
    chunk = min(max(1, BLOCK // num), len(references))
    left, right = tensor_of(queries.rows), tensor_of(references.rows).T
    buffer, no_scale = torch.empty(num * chunk), np.empty(0, np.float32)
    for start in range(0, len(references), chunk):
        end = min(start + chunk, len(references))
        # The same memory for every block; ``scan`` may change products, as nobody reads them again.
        out = buffer[: num * (end - start)].view(num, end - start)
        torch.mm(left, right[:, start:end], out=out)
        first, last = np.searchsorted(ignored, (start, end)).tolist()
        block = Block(
            product=out.numpy(),
            is_scaled=is_unit,
            query_scale=no_scale if is_unit else queries.scale(slice(None)),
            reference_scale=no_scale if is_unit else references.scale(slice(start, end)),
            ignored=ignored[first:last] - start,
            first_query=0,
            first_reference=start,
            margin=margin,
        )
        scan(block, sides, targets, best, 0, num)
    top = np.full((num, k), -1, np.int64)
    order(sides, best, margin, top, 0, num)
    return top

"""Views that some pairs of a batch lack: never embedded, and zeros to the losses.

A black image in their place would cost a pass, move the statistics of batch norms, and teach the
encoder that all places without a photo look alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from georet.types import Batch, Ints


def present(batch: Batch) -> dict[str, Tensor]:
    """Return the images uint8[b, H, W, 3] of the pairs that have each view; none where b is 0."""
    found = {view: _taken(images, batch, view) for view, images in batch.images.items()}
    return {view: images for view, images in found.items() if len(images)}


def spread(found: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
    """Return float[B, D] for each view of float[b, D]: zeros where a pair lacks the view."""
    some = next(iter(found.values()))
    num, embed_dim = len(batch.pairs), some.shape[1]
    whole = {}
    for view in batch.images:
        if view in found and len(found[view]) == num:
            whole[view] = found[view]
            continue
        whole[view] = some.new_zeros((num, embed_dim))
        if view in found:
            rows = torch.from_numpy(having(batch, view)).to(some.device)
            whole[view] = whole[view].index_copy(0, rows, found[view])
    return whole


def spread_one(found: Mapping[str, Tensor], batch: Batch, view: str) -> Mapping[str, Tensor]:
    """Return outputs [B, ...] of one view of [b, ...]: zeros where a pair lacks the view."""
    num, rows = len(batch.pairs), having(batch, view)
    if len(rows) == num:
        return found
    whole = {}
    for name, some in found.items():
        places = torch.from_numpy(rows).to(some.device)
        whole[name] = some.new_zeros((num, *some.shape[1:])).index_copy(0, places, some)
    return whole


def having(batch: Batch, view: str) -> Ints:
    """Return which of the batch's pairs, int64[b] of B, have the view."""
    return np.flatnonzero(batch.has(view))


def lengths(features: Mapping[str, Tensor], batch: Batch) -> Tensor:
    """Return the lengths float[M] of all features float[B, D] that stand for an image."""
    return torch.cat([_taken(f.detach(), batch, v).norm(dim=1) for v, f in features.items()])


def _taken(tensor: Tensor, batch: Batch, view: str) -> Tensor:
    has = batch.has(view)
    return tensor if has.all() else tensor[torch.from_numpy(has).to(tensor.device)]

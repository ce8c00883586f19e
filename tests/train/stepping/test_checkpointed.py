"""Activations that are computed again in the backward pass: with the masks of the first time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from georet.config import TrainConfig
from georet.encoder import SHARED, Branch, Encoder
from georet.train.objective import Objective
from georet.train.optim import build_optimizer
from georet.train.step import Stepper
from georet.types import Batch, EmbeddedBatch, ImageTable, PairTable

NUM = 6


class Drops(nn.Module):
    """A linear map and dropout, computed again in the backward pass; keeps what it returned."""

    embed_dim, mean, std = 4, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

    def __init__(self, num_first: int) -> None:
        super().__init__()
        self.num_first = num_first
        self.linear, self.grad_checkpointing = nn.Linear(3, 4), True
        self.first: list[torch.Tensor] = []
        self.again: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        colours = images.mean(dim=(2, 3))
        if not torch.is_grad_enabled():
            return self._dropped(colours)
        return checkpoint(self._dropped, colours, use_reentrant=False)

    def _dropped(self, colours: torch.Tensor) -> torch.Tensor:
        out = F.dropout(self.linear(colours), 0.5, self.training)
        (self.again if len(self.first) == self.num_first else self.first).append(out.detach())
        # Computing again ends with what is needed last.
        return torch.sin(out)


class Alike(nn.Module):
    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        return -(embedded.query * embedded.reference).sum()


@pytest.mark.parametrize(("chunk", "num_first"), [(None, 2), (3, 4)])
def test_masks_are_the_same_when_activations_are_computed_again(chunk, num_first):
    torch.manual_seed(0)
    backbone = Drops(num_first)
    encoder = Encoder({SHARED: Branch(backbone)}, logit_scale=1.0).train()
    objective = Objective({"alike": (Alike(), 1.0)})
    config = TrainConfig(chunk=chunk, lr=1e-9)
    modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
    optimizer = build_optimizer(modules, config)
    stepper = Stepper(encoder, objective, optimizer, config, precision=torch.float32, seed=0)
    rows = np.arange(NUM)
    images = ImageTable([str(i) for i in rows], [Path(str(i)) for i in rows])
    table = PairTable(dict.fromkeys(("query", "reference"), images), np.stack([rows, rows], axis=1))
    pixels = {
        view: torch.randint(0, 256, (NUM, 8, 8, 3), dtype=torch.uint8) for view in table.views
    }
    stepper.run(
        Batch(pixels, rows, dict.fromkeys(table.views, rows), table, 0, 0), 1.0, update=True
    )
    assert len(backbone.first) == num_first
    # In chunks each is embedded once without a gradient, once with it and once again for it.
    assert len(backbone.again) == (num_first if chunk is None else 2 * num_first)
    for out in backbone.again:
        assert any(torch.equal(out, first) for first in backbone.first)
    assert any((out == 0).any() for out in backbone.first)

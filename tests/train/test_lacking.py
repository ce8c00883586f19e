"""Views that some pairs lack are not embedded, whole or in chunks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from georet.config import TrainConfig
from georet.encoder import SHARED, Branch, Encoder
from georet.testing.tiny_backbone import TinyBackbone
from georet.train.objective import Objective
from georet.train.optim import build_optimizer
from georet.train.step import Stepper
from georet.types import Batch, EmbeddedBatch, ImageTable, PairTable

NUM = 6


class ThreeWays(nn.Module):
    """Pulls query and street together where there is a street photo; keeps what it saw."""

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        self.seen = embedded
        has = torch.from_numpy(embedded.batch.has("street"))
        street = embedded.embeddings["street"]
        near = (embedded.query * street).sum(dim=1)[has].sum()
        return -(embedded.query * embedded.reference).sum() - near


class Counts(TinyBackbone):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images.detach())
        return super().forward(images)


def batch_of(street: list[int]) -> Batch:
    rows = np.arange(NUM)
    images = ImageTable([str(i) for i in rows], [Path(str(i)) for i in rows])
    views = dict.fromkeys(("query", "reference", "street"), images)
    table = PairTable(views, np.stack([rows, rows, np.array(street)], axis=1))
    draw = torch.Generator().manual_seed(0)
    pixels = {
        view: torch.randint(1, 256, (NUM, 8, 8, 3), generator=draw, dtype=torch.uint8)
        for view in views
    }
    pixels["street"][torch.tensor(street) < 0] = 0
    own = {view: table.pairs[:, column] for column, view in enumerate(views)}
    return Batch(pixels, rows, own, table, 0, 0)


def stepped(street: list[int], chunk: int | None) -> tuple[Counts, ThreeWays, nn.Module]:
    torch.manual_seed(0)
    backbone, loss = Counts(), ThreeWays()
    encoder = Encoder({SHARED: Branch(backbone)}, logit_scale=1.0)
    objective = Objective({"three": (loss, 1.0)})
    config = TrainConfig(chunk=chunk, lr=1e-2)
    modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
    optimizer = build_optimizer(modules, config)
    stepper = Stepper(encoder, objective, optimizer, config, precision=torch.float32, seed=0)
    result = stepper.run(batch_of(street), 1.0, update=True)
    assert result.fault is None
    return backbone, loss, encoder


@pytest.mark.parametrize("chunk", [None, 2])
def test_no_black_image_reaches_the_backbone(chunk: int | None) -> None:
    backbone, loss, _ = stepped([0, -1, 2, -1, -1, 5], chunk)
    pixels = torch.cat(backbone.seen)
    once = len(pixels) // (1 if chunk is None else 2)
    assert once == 2 * NUM + 3
    black = pixels.new_tensor([-2.0, -2.0, -2.0])  # (0 - 0.5) / 0.25
    assert not (pixels.permute(0, 2, 3, 1) == black).all(dim=(1, 2, 3)).any()
    has = torch.tensor([True, False, True, False, False, True])
    lengths = loss.seen.embeddings["street"].norm(dim=1)
    torch.testing.assert_close(lengths, has.float())
    assert (loss.seen.features["street"].norm(dim=1) > 0).tolist() == has.tolist()


@pytest.mark.parametrize("chunk", [None, 2])
def test_a_view_that_no_pair_of_a_batch_has_is_zeros(chunk: int | None) -> None:
    _, loss, encoder = stepped([-1] * NUM, chunk)
    assert loss.seen.embeddings["street"].shape == (NUM, 32)
    assert not loss.seen.embeddings["street"].any()
    assert all(bool(p.isfinite().all()) for p in encoder.parameters())


def test_chunks_learn_the_same_as_the_whole_batch() -> None:
    street = [0, -1, 2, -1, -1, 5]
    whole, parts = (stepped(street, chunk)[2].state_dict() for chunk in (None, 2))
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-5)

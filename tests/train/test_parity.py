"""24 optimiser steps of a small shared encoder against the reference implementation's figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from georet.config import TrainConfig
from georet.encoder import SHARED, Branch, Encoder
from georet.train.objective import Objective
from georet.train.optim import build_optimizer
from georet.train.optimising.rate import Rate
from georet.train.optimising.schedules import Cosine
from georet.train.step import Stepper
from georet.types import Batch, ImageTable, PairTable
from georet_sample4geo.info_nce import InfoNCE

DATA = Path(__file__).parent.parent / "data"
NUM_STEPS, NUM_WARMUP = 24, 4


class FromFloats(Branch):
    """A branch that takes the goldens' float[B, 3, H, W], which are normalised already."""

    def forward(self, images: torch.Tensor, **_: object) -> torch.Tensor:
        return self.backbone(images)


class Goldens(nn.Sequential):
    """The network of the goldens: two strided convolutions, a mean and a linear layer."""

    embed_dim, mean, std = 12, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, 2),
            nn.GELU(),
            nn.Conv2d(8, 16, 3, 2),
            nn.GELU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 12),
        )


def golden_encoder(arrays: dict[str, np.ndarray]) -> Encoder:
    network = Goldens()
    prefix = "train_init.model."
    names = [name for name in arrays if name.startswith(prefix)]
    network.load_state_dict({n.removeprefix(prefix): torch.tensor(arrays[n]) for n in names})
    scale = float(arrays["train_init.logit_scale"])
    return Encoder({SHARED: FromFloats(network)}, logit_scale=scale)


def golden_batch(arrays: dict[str, np.ndarray], step: int) -> Batch:
    rows = np.arange(8)
    images = ImageTable([str(i) for i in rows], [Path(str(i)) for i in rows])
    table = PairTable({"query": images, "reference": images}, np.stack([rows, rows], axis=1))
    pixels = {
        view: torch.tensor(arrays[f"train_{view}"][step].astype(np.float32))
        for view in ("query", "reference")
    }
    return Batch(pixels, rows, {"query": rows, "reference": rows}, table, 0, step)


@pytest.mark.parametrize("chunk", [None, 3])
def test_training_follows_the_reference_implementation_step_by_step(chunk: int | None) -> None:
    with np.load(DATA / "goldens-7.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    golden = json.loads((DATA / "goldens-7.json").read_text())["training"]
    config = TrainConfig(lr=5e-3, weight_decay=0.01, clip="value", clip_at=100.0, chunk=chunk)
    encoder = golden_encoder(arrays)
    objective = Objective({"info_nce": (InfoNCE(label_smoothing=0.1), 1.0)})
    optimizer = build_optimizer(nn.ModuleDict({"encoder": encoder, "objective": objective}), config)
    stepper = Stepper(encoder, objective, optimizer, config, precision=torch.float32, seed=0)
    rate = Rate(Cosine(), lr=config.lr, warmup=NUM_WARMUP)
    losses, rates = [], []
    for step in range(NUM_STEPS):
        factor = rate.factor(step, NUM_STEPS)
        losses.append(stepper.run(golden_batch(arrays, step), factor, update=True).loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert losses == pytest.approx(golden["loss"], rel=1e-4)
    assert rates == golden["lr"]
    norms = {
        name.replace("branches.shared.backbone", "model").replace(
            "log_scale", "logit_scale"
        ): float(p.detach().norm())
        for name, p in encoder.named_parameters()
    }
    assert norms == pytest.approx(golden["final_parameter_norms"], rel=1e-4)

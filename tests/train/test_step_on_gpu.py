"""What only a CUDA device shows: steps that don't wait, copies on their own stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from georet.config import TrainConfig
from georet.encoder import SHARED, Branch, Encoder
from georet.train.events import read_events
from georet.train.objective import Objective
from georet.train.optim import build_optimizer
from georet.train.step import Stepper
from georet.train.stepping.feeding import on_device
from georet.train.stepping.late import Late
from georet.types import Batch, EmbeddedBatch, ImageTable, PairTable

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
]
NUM, SIDE = 64, 64


class Net(nn.Sequential):
    embed_dim, mean, std = 8, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 32, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 8)
        )


class Faulty(nn.Module):
    def __init__(self, bad: set[int]) -> None:
        super().__init__()
        self.bad, self.calls = bad, 0

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        self.calls += 1
        logits = embedded.logit_scale * embedded.query @ embedded.reference.T
        target = torch.arange(len(logits), device=logits.device)
        loss = nn.functional.cross_entropy(logits, target)
        return loss * float("nan") if self.calls - 1 in self.bad else loss


def batch_of(step: int) -> Batch:
    rows, draw = np.arange(NUM), torch.Generator().manual_seed(step)
    images = ImageTable([str(i) for i in rows], [Path(str(i)) for i in rows])
    views = {"query": images, "reference": images}
    pixels = {
        view: torch.randint(0, 256, (NUM, SIDE, SIDE, 3), generator=draw, dtype=torch.uint8)
        for view in views
    }
    table = PairTable(views, np.stack([rows, rows], axis=1))
    pinned = {view: tensor.pin_memory() for view, tensor in pixels.items()}
    return Batch(pinned, rows, dict.fromkeys(views, rows), table, 0, step)


def stepper_of(bad: set[int], precision: torch.dtype, **settings: object) -> Stepper:
    torch.manual_seed(0)
    encoder = Encoder({SHARED: Branch(Net())}, logit_scale=2.0).cuda()
    objective = Objective({"faulty": (Faulty(bad), 1.0)}).cuda()
    config = TrainConfig.model_validate(settings)
    modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
    optimizer = build_optimizer(modules, config)
    return Stepper(encoder, objective, optimizer, config, precision=precision, seed=0)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_bad_step_changes_nothing_and_is_told_of(precision: torch.dtype, accumulate: int) -> None:
    stepper = stepper_of({2, 3}, precision, accumulate=accumulate)
    assert stepper.judges_late
    weights: list[list[torch.Tensor]] = []
    results = []
    for batch in on_device(map(batch_of, range(6)), stepper.device):
        update = (batch.step + 1) % accumulate == 0
        results.append(stepper.run(batch, 1.0, update=update))
        weights.append([p.detach().clone() for p in stepper.parameters.values()])
    assert [r.fault is None for r in results] == [True, True, False, False, True, True]
    for one, other in zip(weights[3], weights[1], strict=True):
        assert torch.equal(one, other)
    assert not all(map(torch.equal, weights[5], weights[3]))


def test_a_step_asks_the_device_nothing() -> None:
    stepper = stepper_of(set(), torch.bfloat16)
    for batch in on_device(map(batch_of, range(3)), stepper.device):
        stepper.run(batch, 1.0, update=True)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        results = [
            stepper.run(batch, 1.0, update=True)
            for batch in on_device(map(batch_of, range(3)), stepper.device)
        ]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(np.isfinite(r.loss) for r in results)


def test_batches_arrive_whole_and_in_order() -> None:
    seen = 0
    busy = torch.randn(4096, 4096, device="cuda")
    for batch in on_device(map(batch_of, range(12)), torch.device("cuda")):
        busy = busy @ busy / 4096  # so that copies run while the device works
        wanted = batch_of(batch.step)
        assert batch.step == seen
        for view, images in batch.images.items():
            assert images.device.type == "cuda"
            assert torch.equal(images.cpu(), wanted.images[view])
        seen += 1
    assert seen == 12


def test_a_late_number_is_the_one_of_its_moment() -> None:
    value = torch.zeros(3, device="cuda")
    late = Late(value)
    value += 1
    assert late.read().tolist() == [0, 0, 0]


def test_a_run_read_late_and_one_that_waits_write_the_same_losses(
    start: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ["device=cuda", "precision=fp32", "sampler.incremental=true"]
    late = start("late", *overrides)
    monkeypatch.setattr("georet.train.trainer.LAG", 0)
    waits = start("waits", *overrides)
    one, other = (
        [e["loss"] for e in read_events(run) if e["event"] == "step"] for run in (late, waits)
    )
    assert len(one) == 30
    assert one == pytest.approx(other, rel=1e-3)

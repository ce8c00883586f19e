"""Steps that are judged on the device: what they leave behind, and when the host hears of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from georet.config import TrainConfig
from georet.encoder import SHARED, Branch, Encoder
from georet.errors import TrainingError
from georet.train.events import read_events
from georet.train.objective import Objective
from georet.train.optim import skips_on_device, trained_parameters
from georet.train.step import Stepper, StepResult
from georet.types import Batch, EmbeddedBatch, ImageTable, PairTable

NUM, SIDE = 6, 8


class Small(nn.Sequential):
    embed_dim, mean, std = 5, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, 2), nn.GELU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(36, 5)
        )


class Faulty(nn.Module):
    """A loss that is not finite at some calls, or whose gradient isn't."""

    def __init__(self, bad: dict[int, str]) -> None:
        super().__init__()
        self.bad, self.calls = bad, 0

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        how, self.calls = self.bad.get(self.calls), self.calls + 1
        logits = embedded.logit_scale * embedded.query @ embedded.reference.T
        loss = nn.functional.cross_entropy(logits, torch.arange(len(logits)))
        if how == "gradient":  # 0 * the square root's infinite slope at 0
            return loss + (embedded.features["query"] * 0).pow(2).sum().sqrt()
        return loss * float("nan") if how == "loss" else loss


def batch_of(step: int) -> Batch:
    rows, draw = np.arange(NUM), torch.Generator().manual_seed(step)
    images = ImageTable([str(i) for i in rows], [Path(str(i)) for i in rows])
    views = {"query": images, "reference": images}
    pixels = {
        view: torch.randint(0, 256, (NUM, SIDE, SIDE, 3), generator=draw, dtype=torch.uint8)
        for view in views
    }
    table = PairTable(views, np.stack([rows, rows], axis=1))
    return Batch(pixels, rows, dict.fromkeys(views, rows), table, 0, step)


def stepper_of(bad: dict[int, str], *, late: bool, **settings: object) -> Stepper:
    torch.manual_seed(0)
    encoder = Encoder({SHARED: Branch(Small())}, logit_scale=2.0)
    objective = Objective({"faulty": (Faulty(bad), 1.0)})
    modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
    weights = [parameter for _, parameter in trained_parameters(modules)]
    optimizer = torch.optim.AdamW(weights, lr=1e-2, fused=True)
    for group in optimizer.param_groups:
        group["base_lr"] = 1e-2
    config = TrainConfig.model_validate(settings)
    stepper = Stepper(encoder, objective, optimizer, config, precision=torch.float32, seed=0)
    stepper.judges_late = late
    return stepper


def trained(
    bad: dict[int, str], *, late: bool, num: int = 8, **settings: object
) -> tuple[Stepper, list[StepResult]]:
    stepper = stepper_of(bad, late=late, **settings)
    every = stepper.config.accumulate
    results = [
        stepper.run(batch_of(step), 1.0, update=(step + 1) % every == 0) for step in range(num)
    ]
    return stepper, results


def contents(stepper: Stepper) -> list[torch.Tensor]:
    """Return the weights and all that the optimiser remembers, its counts too."""
    found = [p.detach() for p in stepper.parameters.values()]
    for parameter in stepper.parameters.values():
        found += list(stepper.optimizer.state[parameter].values())
    return found


BAD = {2: "loss", 3: "gradient", 6: "loss"}


@pytest.mark.parametrize("settings", [{}, {"accumulate": 3}, {"chunk": 2}, {"clip": "norm"}])
def test_a_step_judged_late_leaves_what_one_judged_at_once_leaves(settings: dict) -> None:
    waiting, at_once = trained(BAD, late=False, num=9, **settings)
    queued, late = trained(BAD, late=True, num=9, **settings)
    assert [r.fault for r in late] == [r.fault for r in at_once]
    assert sum(r.fault is not None for r in late) == len(BAD)
    assert [r.loss for r in late] == pytest.approx([r.loss for r in at_once], nan_ok=True)
    for one, other in zip(contents(queued), contents(waiting), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_bad_step_judged_late_changes_no_weight_no_moment_and_no_count() -> None:
    stepper, _ = trained({}, late=True, num=2)
    stepper.objective._losses["faulty"][0].bad = {2: "loss"}
    before = [tensor.clone() for tensor in contents(stepper)]
    result = stepper.run(batch_of(2), 1.0, update=True)
    assert result.fault == "the loss is nan"
    for one, other in zip(contents(stepper), before, strict=True):
        assert torch.equal(one, other)
    assert stepper.run(batch_of(3), 1.0, update=True).fault is None
    assert not torch.equal(contents(stepper)[0], before[0])


def test_a_feature_without_a_direction_is_a_fault_on_the_device_too() -> None:
    stepper = stepper_of({}, late=True)
    with torch.no_grad():
        for parameter in stepper.encoder.branches[SHARED].parameters():
            parameter.zero_()
    result = stepper.run(batch_of(0), 1.0, update=True)
    assert result.fault == "a feature's length is 0.0"
    assert not any(p.any() for p in stepper.encoder.branches[SHARED].parameters())


def test_numbers_are_those_of_their_step_however_late_they_are_read() -> None:
    _, at_once = trained({}, late=False)
    read = [(r.loss, r.losses, r.logit_scale) for r in at_once]
    _, late = trained({}, late=True)
    assert [(r.loss, r.losses, r.logit_scale) for r in reversed(late)] == read[::-1]


def test_only_optimisers_that_heed_the_flag_are_judged_late() -> None:
    weights = [nn.Parameter(torch.zeros(2))]
    assert skips_on_device(torch.optim.AdamW(weights, fused=True))
    assert skips_on_device(torch.optim.SGD(weights, fused=True))
    assert not skips_on_device(torch.optim.AdamW(weights))
    assert not skips_on_device(torch.optim.RMSprop(weights))


@pytest.fixture
def lagging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make runs on the CPU go as on CUDA: fused, judged late, and read a step later."""
    monkeypatch.setattr("georet.train.optimising.makers.fused_for", lambda _: True)
    init = Stepper.__init__

    def started(self: Stepper, *given: object, **named: object) -> None:
        init(self, *given, **named)
        self.judges_late = skips_on_device(self.optimizer)

    monkeypatch.setattr(Stepper, "__init__", started)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes the losses of the next run's steps 3 and 4 no number."""
    from georet_sample4geo.info_nce import InfoNCE

    real = InfoNCE.forward

    def arm() -> None:
        calls = iter(range(1000))

        def forward(self: InfoNCE, embedded: EmbeddedBatch) -> torch.Tensor:
            loss = real(self, embedded)
            return loss * float("nan") if next(calls) in (3, 4) else loss

        monkeypatch.setattr(InfoNCE, "forward", forward)

    return arm


@pytest.mark.parametrize("overrides", [[], ["sampler.incremental=true"], ["train.max_bad_steps=2"]])
def test_a_run_read_a_step_later_writes_the_same_events_and_banks(
    start: Callable[..., Path],
    lagging: None,
    faulty: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: list[str],
) -> None:
    events = {}
    for name, lag in (("late", 1), ("at once", 0)):
        faulty()
        monkeypatch.setattr("georet.train.trainer.LAG", lag)
        gives_up = pytest.raises(TrainingError, match="2 steps in a row")
        with gives_up if "train.max_bad_steps=2" in overrides else nullcontext():
            start(name, *overrides)
        events[name] = (tmp_path / name / "events.jsonl").read_bytes()
    assert events["late"].count(b"bad_step") == 2
    assert events["late"] == events["at once"]


def test_an_observer_of_steps_hears_of_each_before_the_next_is_begun(
    start: Callable[..., Path], lagging: None, tmp_path: Path
) -> None:
    watcher = tmp_path / "watcher.py"
    watcher.write_text(
        "from georet import hookimpl\n\n\n@hookimpl\ndef georet_step_end(trainer, step, loss):\n"
        "    trainer.events.write('seen', step=step, at=trainer.state.step, loss=float(loss))\n"
    )
    run_dir = start("run", plugins=["sample4geo", "georet.testing.plugin", str(watcher)])
    events = read_events(run_dir)
    seen = [e for e in events if e["event"] == "seen"]
    steps = [e for e in events if e["event"] == "step"]
    assert len(seen) == 30
    assert all(e["at"] == e["step"] for e in seen)
    assert [e["loss"] for e in seen] == [e["loss"] for e in steps]

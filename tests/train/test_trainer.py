from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from georet.errors import ConfigError, TrainingError
from georet.train.checkpoint import load_checkpoint
from georet.train.events import read_events

ENCODER = "encoder.safetensors"


def steps(run_dir: Path) -> list[dict]:
    return [e for e in read_events(run_dir) if e["event"] == "step"]


def test_a_run_leaves_manifest_events_checkpoints_metrics_and_report(trained) -> None:
    names = {p.name for p in trained.iterdir()}
    assert {
        "config.yaml",
        "manifest.json",
        "plugins.json",
        "events.jsonl",
        "timing.jsonl",
        "checkpoints",
        "evaluation",
        "report.html",
    } <= names
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["dataset"]["num_pairs"] == 24
    assert manifest["finished"]
    metrics = json.loads((trained / "evaluation" / "held-out.json").read_text())["metrics"]
    assert 0 <= metrics["recall@1"] <= 100


def test_the_loss_falls(start) -> None:
    losses = [e["loss"] for e in steps(start("run", "train.epochs=12", "train.lr=0.01"))]
    assert sum(losses[-12:]) < 0.8 * sum(losses[:12])


def test_the_same_seed_gives_the_same_events_and_another_does_not(start, trained) -> None:
    again = start("again")
    assert (again / "events.jsonl").read_bytes() == (trained / "events.jsonl").read_bytes()
    assert steps(start("other", "seed=1")) != steps(trained)


def test_workers_change_no_loss(start, trained) -> None:
    assert steps(start("run", "data.workers=2")) == steps(trained)


def test_mining_happens_when_the_sampler_wants_it(trained) -> None:
    events = read_events(trained)
    assert [e["epoch"] for e in events if e["event"] == "bank"] == [2, 4]


def test_a_chunked_run_follows_the_whole_one(start, trained) -> None:
    whole, chunked = steps(trained), steps(start("run", "train.chunk=3"))
    assert [e["loss"] for e in chunked] == pytest.approx([e["loss"] for e in whole], rel=2e-3)


def test_accumulated_gradients_are_applied_once_for_several_batches(start) -> None:
    run_dir = start("run", "train.accumulate=4", "train.epochs=1", "train.warmup_epochs=0")
    scales = [e["logit_scale"] for e in steps(run_dir)]
    changes = [i for i in range(1, len(scales)) if scales[i] != scales[i - 1]]
    assert changes == [3, 5]


def test_several_losses_are_weighted_and_reported_apart(start) -> None:
    losses = "losses=[{name: info_nce, weight: 0.25}, {name: info_nce, label_smoothing: 0.2}]"
    events = steps(start("run", losses))
    assert len(events) == 30
    for event in events:
        parts = event["losses"]
        assert event["loss"] == pytest.approx(0.25 * parts["info_nce"] + parts["info_nce_1"])


def test_separate_branches_train_apart(start) -> None:
    still, run_dir = (
        load_file(load_checkpoint(start(name, "encoder.shared=false", *more)).path / ENCODER)
        for name, more in (("still", ["train.lr=1e-12", "train.epochs=1"]), ("run", []))
    )
    branches = {
        view: {k: v for k, v in run_dir.items() if k.startswith(f"branches.{view}.backbone.")}
        for view in ("query", "reference")
    }
    assert len(branches["query"]) == len(branches["reference"]) > 0
    for name, weights in branches["query"].items():
        other = name.replace("query", "reference")
        assert not torch.equal(weights, run_dir[other])
        changes = [run_dir[n] - still[n] for n in (name, other)]
        assert all(change.abs().max() > 1e-3 for change in changes)
        assert not torch.equal(*changes)


def test_training_stops_when_the_metric_no_longer_rises(start) -> None:
    overrides = ["evaluate.patience=1", "evaluate.every=1", "train.lr=1e-9", "train.epochs=9"]
    assert {e["epoch"] for e in steps(start("run", *overrides))} == {0, 1}


def test_steps_that_are_not_finite_are_skipped_counted_and_at_last_fatal(
    start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from georet_sample4geo.info_nce import InfoNCE

    real, calls = InfoNCE.forward, iter(range(1000))

    def forward(self, embedded):
        loss = real(self, embedded)
        return loss * float("nan") if next(calls) in (3, 4) else loss

    monkeypatch.setattr(InfoNCE, "forward", forward)
    events = read_events(start("skips"))
    bad = [e for e in events if e["event"] == "bad_step"]
    assert [e["step"] for e in bad] == [3, 4]
    assert "nan" in bad[0]["reason"]
    calls = iter(range(1000))
    with pytest.raises(TrainingError, match="2 steps in a row"):
        start("aborts", "train.max_bad_steps=2")


def test_a_batch_larger_than_the_data_is_refused(start) -> None:
    with pytest.raises(ConfigError, match="batch"):
        start("run", "train.batch_size=100")


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("evaluate.during=[nowhere]", "evaluate.during"),
        ("evaluate.best=nowhere/recall@1", "evaluate.best"),
        ("data.joint=[colour_jitter]", "data.joint"),
        ("device=quantum", "device"),
        ("precision=fp16", "precision"),
    ],
)
def test_a_setting_that_can_not_work_names_its_key(start, override: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        start("run", override)
    assert caught.value.where == place


@pytest.mark.parametrize("key", ["during", "final"])
def test_a_set_that_the_data_has_not_is_told_before_the_encoder_is_built(
    start, tmp_path, monkeypatch, key
):
    built = []
    monkeypatch.setattr("georet.train.setup.make_encoder", lambda *_: built.append(1))
    with pytest.raises(ConfigError) as caught:
        start("run", f"evaluate.{key}=[cross]")
    said = str(caught.value)
    assert built == []
    assert f"evaluate.{key}: no evaluation set 'cross' in tiny" in said
    assert f"The data set has: held-out. For example --set 'evaluate.{key}=[held-out]'" in said
    assert "--recipe sample4geo/own-data" in said
    assert not (tmp_path / "run" / "config.yaml").exists()

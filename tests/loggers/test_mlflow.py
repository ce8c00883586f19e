"""The plugin mlflow, with the real package and a store of files: what it holds of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["georet.testing.fixtures"]

tracking = pytest.importorskip("mlflow.tracking", reason="the extra mlflow is not installed")
NAMED = "sample4geo,georet.testing.plugin,georet_mlflow"


def opened(run_dir: Path) -> tuple[Any, str]:
    """Return a client of the store below a run, and the only run in it."""
    client = tracking.MlflowClient(tracking_uri=(run_dir / "mlflow" / "store").resolve().as_uri())
    experiment = client.get_experiment_by_name("georet")
    (found,) = client.search_runs([experiment.experiment_id])
    return client, found.info.run_id


def test_a_torn_run_that_is_resumed_is_one_run_with_every_step_once(torn_and_resumed, events):
    run_dir = torn_and_resumed("georet_mlflow")
    client, run_id = opened(run_dir)
    sent = [(m.step, m.value) for m in client.get_metric_history(run_id, "train/loss")]
    steps = [(e["step"], e["loss"]) for e in events(run_dir) if e["event"] == "step"]
    assert len(steps) > 6
    assert sorted(sent) == steps
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["train.epochs"] == "4"
    last = [e for e in events(run_dir) if e["event"] == "eval"][-1]
    value = run.data.metrics[f"{last['set']}/recall_at_1"]
    assert value == last["metrics"]["recall@1"]


def test_evaluations_exports_and_galleries_join_the_run(tiny_run, runner, tmp_path):
    run_dir = tiny_run(plugins=["georet_mlflow"])
    assert runner("eval", run_dir, "--plugins", NAMED).exit_code == 0
    exported = runner("export", run_dir, "--onnx", "--plugins", NAMED)
    assert exported.exit_code == 0, exported.stderr
    built = ["gallery", "build", f"run:{run_dir}", "--encoder", run_dir, "--side", "1km"]
    done = runner(*built, "--out", tmp_path / "area.gallery", "--plugins", NAMED, "--workers", "0")
    assert done.exit_code == 0, done.stderr
    client, run_id = opened(run_dir)
    metrics = client.get_run(run_id).data.metrics
    assert [name for name in metrics if name.startswith("eval/georet.testing.plugin_tiny/")]
    root = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    assert (root / "galleries" / "area.gallery" / "gallery.json").is_file()
    assert list((root / "exports").rglob("*.onnx"))


def test_a_run_that_fails_is_marked_as_failed(tiny_run, tmp_path):
    (tmp_path / "tears.py").write_text(
        "from georet import hookimpl\n\n\n@hookimpl\ndef georet_step_end(step):\n"
        "    1 // (step - 5)\n"
    )
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        tiny_run(
            "train.epochs=4",
            "train.checkpoint_every=2",
            plugins=["georet_mlflow", str(tmp_path / "tears.py")],
        )
    client, run_id = opened(tmp_path / "run")
    assert client.get_run(run_id).info.status == "FAILED"


def test_a_store_that_the_user_names_is_used(tiny_run, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "elsewhere").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    run_dir = tiny_run(plugins=["georet_mlflow"])
    client = tracking.MlflowClient(tracking_uri=(tmp_path / "elsewhere").as_uri())
    assert client.get_experiment_by_name("mine") is not None
    assert not (run_dir / "mlflow" / "store").exists()
    assert json.loads((run_dir / "mlflow" / "georet.json").read_text())["events"]["at"] > 0

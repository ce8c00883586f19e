"""Runs of seconds that two loggers are told of: whole, torn and taken up, judged, exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from georet.testing.fixtures import Runner

ROOT = Path(__file__).parents[2]
TEARS = """
import os

from georet import hookimpl


@hookimpl
def georet_step_end(step):
    if step == 5 and os.environ.get("TEAR_THE_RUN"):
        raise RuntimeError("torn")
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the user's own settings counts, and nothing is sent."""
    for name in ("wandb", "mlflow"):
        monkeypatch.syspath_prepend(str(ROOT / "plugins" / name))
    for name in ("WANDB_MODE", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "wandb-cache"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "wandb-data"))


@pytest.fixture
def events() -> Callable[[Path], list[dict[str, Any]]]:
    """Return what reads a run's events."""

    def read(run_dir: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]

    return read


@pytest.fixture
def torn_and_resumed(
    tiny_run, runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Return what trains with a logger: torn behind step 5, which happens again."""

    def train(logger: str) -> Path:
        (tmp_path / "tears.py").write_text(TEARS)
        plugins = [logger, str(tmp_path / "tears.py")]
        monkeypatch.setenv("TEAR_THE_RUN", "1")
        with pytest.raises(AssertionError, match="torn"):
            tiny_run("train.epochs=4", "train.checkpoint_every=2", plugins=plugins)
        monkeypatch.delenv("TEAR_THE_RUN")
        named = ",".join(["sample4geo", "georet.testing.plugin", *plugins])
        outcome = runner("train", "--resume", tmp_path / "run", "--plugins", named)
        assert outcome.exit_code == 0, outcome.stderr
        return tmp_path / "run"

    return train

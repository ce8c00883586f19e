from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from georet.commands.training import start_run
from georet.plugins import Selection
from georet.train.stepping.phases import awaited

SELECTION = Selection.of(["sample4geo", "georet.testing.plugin"])


def test_a_profiled_run_says_where_its_steps_went_and_is_otherwise_the_same(
    trained: Path, settings: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, run_dir = tmp_path / "settings.yaml", tmp_path / "run"
    path.write_text(yaml.safe_dump(settings))
    start_run(selection=SELECTION, path=path, out=run_dir, profile=2)
    assert (run_dir / "events.jsonl").read_bytes() == (trained / "events.jsonl").read_bytes()
    numbers = json.loads((run_dir / "profile" / "steps.json").read_text())
    assert numbers["steps"] == 2
    phases = numbers["host_ms"]
    assert set(phases) == {
        "wait for the batch",
        "forward",
        "loss",
        "backward",
        "check and update",
        "note and observe",
        "rest",
    }
    assert sum(phases.values()) == pytest.approx(numbers["step_ms"], rel=0.05)
    assert phases["forward"] > 0
    assert phases["backward"] > 0
    assert any("conv" in name for name in numbers["operators_ms"])
    trace = json.loads(gzip.decompress((run_dir / "profile" / "trace.json.gz").read_bytes()))
    assert trace["traceEvents"]
    table = (run_dir / "profile" / "table.txt").read_text()
    assert table.strip() in capfd.readouterr().err
    assert "2 steps of" in table


def test_an_epoch_shorter_than_the_profile_gives_what_was_seen(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    path, run_dir = tmp_path / "settings.yaml", tmp_path / "run"
    path.write_text(yaml.safe_dump(settings))
    start_run(selection=SELECTION, path=path, out=run_dir, profile=50)
    assert json.loads((run_dir / "profile" / "steps.json").read_text())["steps"] == 3


def test_without_the_option_nothing_is_profiled(trained: Path) -> None:
    assert not (trained / "profile").exists()


def test_waiting_for_a_batch_yields_all_of_them() -> None:
    assert list(awaited(range(3))) == [0, 1, 2]

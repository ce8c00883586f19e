from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from georet.cli import main
from georet.commands.rehearsing import rehearse
from georet.plugins import Selection

PLUGINS = ["sample4geo", "georet.testing.plugin"]


@pytest.fixture
def path(tmp_path: Path, settings: dict[str, Any]) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_a_dry_run_counts_steps_as_the_training_does(path: Path, trained: Path) -> None:
    found = rehearse(selection=Selection.of(PLUGINS), path=path)
    events = (trained / "events.jsonl").read_text()
    assert found["steps"] == events.count('"event": "step"') == 30
    assert found["steps_an_epoch"] == 6
    assert found["steps_are_exact"]
    assert found["step_s"] > 0
    assert found["seconds"]["training"] == pytest.approx(30 * found["step_s"])
    assert found["total_s"] == pytest.approx(sum(found["seconds"].values()))
    assert found["memory_bytes"] > 50e6


def test_it_counts_images_of_mining_and_evaluation(path: Path) -> None:
    found = rehearse(selection=Selection.of(PLUGINS), path=path)
    # 24 queries and 24 references, mined before the epochs 2 and 4.
    assert found["seconds"]["mining"] == pytest.approx(96 * found["image_s"])
    more = rehearse(selection=Selection.of(PLUGINS), path=path, overrides=["evaluate.every=1"])
    images = [each["seconds"]["evaluation"] / each["image_s"] for each in (found, more)]
    # After the epochs 2 and 4, or 1 to 4, and at the end.
    assert images[1] / images[0] == pytest.approx(5 / 3)


def test_it_knows_what_a_checkpoint_takes(path: Path, trained: Path) -> None:
    found = rehearse(selection=Selection.of(PLUGINS), path=path)
    folder = next((trained / "checkpoints").glob("step-*"))
    tensors = [folder / f"{name}.safetensors" for name in ("encoder", "optimizer")]
    one = sum(file.stat().st_size for file in tensors)
    assert found["disk_bytes"] == pytest.approx(3 * one, rel=0.5)


def test_it_leaves_nothing_behind(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    code = main(["train", "--plugins", ",".join(PLUGINS), "--config", str(path), "--dry-run"])
    assert code == 0
    assert set(tmp_path.iterdir()) == before
    said = capsys.readouterr().out
    assert "30 in 5 epochs" in said
    assert "GiB are free here" in said


def test_options_of_a_real_training_are_refused(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--config", str(path), "--dry-run", "--out", str(tmp_path / "run")]
    assert main(["train", "--plugins", ",".join(PLUGINS), *given]) == 2
    assert "--dry-run trains nothing" in capsys.readouterr().err

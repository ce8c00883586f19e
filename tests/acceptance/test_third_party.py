"""Third parties for real: a distribution of its own, and a ten-line file out of the docs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from georet.train.events import read_events

pytest_plugins = ["georet.testing.fixtures"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the docs' ``mine.py``, written to the current folder."""
    page = (ROOT / "docs" / "plugins.md").read_text()
    found = re.search(r"<!-- mine\.py -->\n```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(found[1])
    return path


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install ``example_triplet`` as pip would: its folder and metadata on the import path."""
    source = ROOT / "plugins" / "example_triplet"
    info = tmp_path / "site" / "georet_example_triplet-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: georet-example-triplet\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text("[georet]\nexample_triplet = georet_example_triplet\n")
    monkeypatch.syspath_prepend(str(source))
    monkeypatch.syspath_prepend(str(info.parent))
    importlib.invalidate_caches()


def test_the_ten_line_plugin_of_the_docs_trains(mine: Path, tiny_run) -> None:
    run_dir = tiny_run("losses=[soft_margin]", plugins=["./mine.py"])
    losses = [e["losses"] for e in read_events(run_dir) if e["event"] == "step"]
    assert losses
    assert all(set(values) == {"soft_margin"} for values in losses)


def test_a_run_made_with_a_file_is_resumed_only_when_the_file_is_named_again(
    mine: Path, tiny_run, runner
) -> None:
    run_dir = tiny_run("losses=[soft_margin]", plugins=["./mine.py"])
    refused = runner("train", "--resume", run_dir)
    assert refused.exit_code == 2
    named = ["--plugins", "sample4geo,georet.testing.plugin,./mine.py"]
    assert " ".join(named) in refused.stderr
    assert runner("train", "--resume", run_dir, *named).exit_code == 0


def test_the_example_distribution_trains_and_its_observer_writes_events(
    example: None, tiny_run
) -> None:
    run_dir = tiny_run("losses=[semi_hard_triplet]", plugins=["example_triplet"])
    events = read_events(run_dir)
    assert any(e["event"] == "step" and "semi_hard_triplet" in e["losses"] for e in events)
    assert any(e["event"] == "semi_hard" for e in events)
    assert "georet-example-triplet 0.1.0" in (run_dir / "plugins.json").read_text()


def test_losses_of_several_plugins_make_one_objective(example: None, mine: Path, tiny_run) -> None:
    losses = "losses=[info_nce, {name: semi_hard_triplet, margin: 0.1, weight: 0.5}, soft_margin]"
    run_dir = tiny_run(losses, plugins=["example_triplet", "./mine.py"])
    step = next(e for e in read_events(run_dir) if e["event"] == "step")
    parts = step["losses"]
    expected = parts["info_nce"] + 0.5 * parts["semi_hard_triplet"] + parts["soft_margin"]
    assert step["loss"] == pytest.approx(expected, rel=1e-5)

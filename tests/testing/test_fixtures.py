import json

import pytest

MINE = """
import torch

from georet import Component, hookimpl


class Pull(torch.nn.Module):
    def forward(self, embedded):
        return (embedded.query - embedded.reference).square().sum(dim=1).mean()


@hookimpl
def georet_losses():
    yield Component("pull", Pull, summary="Positives draw together")
"""


def test_the_runner_returns_exit_code_and_what_was_printed(runner):
    outcome = runner("--help")
    assert outcome.exit_code == 0
    assert "train" in outcome.stdout
    wrong = runner("plugins", "--no-such-option")
    assert wrong.exit_code == 2
    assert "no-such-option" in wrong.stderr


def test_a_tiny_run_trains_and_leaves_a_run_folder(tiny_run):
    run_dir = tiny_run()
    results = json.loads((run_dir / "evaluation" / "held-out.json").read_text())
    assert results["num_queries"] == 12
    assert 0 <= results["metrics"]["recall@1"] <= 100


def test_a_tiny_run_takes_settings_and_further_plugins(tiny_run, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    run_dir = tiny_run("losses=[{name: pull}]", "seed=3", plugins=[tmp_path / "mine.py"])
    assert "pull" in (run_dir / "config.yaml").read_text()


def test_a_tiny_run_that_fails_says_why(tiny_run):
    with pytest.raises(AssertionError, match="exit code 2") as raised:
        tiny_run("train.epoch=1")
    assert "epochs" in str(raised.value)

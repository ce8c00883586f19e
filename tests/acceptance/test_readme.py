"""What the README shows runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from georet.plugins import load_plugins

pytest_plugins = ["georet.testing.fixtures"]
README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


LINES = [line for block in blocks("sh") for line in block.splitlines()]


def test_the_library_example_runs() -> None:
    names: dict[str, object] = {}
    exec(next(b for b in blocks("python") if "evaluate_embeddings" in b), names)
    assert isinstance(names["batches"], np.ndarray)
    assert names["batches"].shape == (62, 16)
    assert set(names["metrics"]) == {"recall@1", "recall@5", "recall@10", "recall@1%"}


def test_the_plugin_example_loads(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(next(b for b in blocks("python") if "SoftMargin" in b))
    assert "soft_margin" in load_plugins([str(path)]).catalog.names("losses")


@pytest.mark.parametrize("line", [x for x in LINES if "georet train" in x and "mine" not in x])
def test_every_training_command_has_settings_that_fit(line: str, runner) -> None:
    words = shlex.split(line.split("&&")[-1].split("#")[0])[2:]
    outcome = runner("config", "validate", *words)
    assert outcome.exit_code == 0, outcome.stderr

"""Pytest fixtures: the command line in this process, and a training run that takes seconds.

Switch them on in the top-level ``conftest.py``::

    pytest_plugins = ["georet.testing.fixtures"]
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from georet.cli import main
from georet.testing.expect import expect

TINY_PLUGINS = ("sample4geo", "georet.testing.plugin")


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


Runner = Callable[..., Outcome]
TinyRun = Callable[..., Path]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Return a function that runs ``georet`` with the given arguments in this process.

    Example: ``runner("plugins", "--json").stdout``.
    """

    def run(*arguments: object) -> Outcome:
        words = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["georet", *words])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(words)
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return Outcome(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def tiny_run(tmp_path: Path, runner: Runner) -> TinyRun:
    """Return a function that trains a few steps on the tiny data set and returns the run's folder.

    Arguments are settings over the tiny configuration, ``plugins`` are further plugins, ``name``
    is the folder's. Example: ``tiny_run("losses=[{name: mine}]", plugins=["./mine.py"])``.
    """

    def train(*settings: str, plugins: Sequence[str | Path] = (), name: str = "run") -> Path:
        config_path, run_dir = tmp_path / "tiny.yaml", tmp_path / name
        config_path.write_text(yaml.safe_dump(tiny_config(tmp_path / "tiny-images")))
        chosen = ",".join(map(str, [*TINY_PLUGINS, *plugins]))
        call = ["train", "--plugins", chosen, "--recipe", "none", "--config", str(config_path)]
        sets = [word for setting in settings for word in ("--set", setting)]
        outcome = runner(*call, "--out", str(run_dir), *sets)
        expect(
            outcome.exit_code == 0,
            f"the run ended with exit code {outcome.exit_code}:\n{outcome.stderr}",
            "Repair what the last lines above name; GEORET_DEBUG=1 shows a traceback",
        )
        return run_dir

    return train


def tiny_config(root: Path) -> dict[str, object]:
    """Return the configuration of a run of six steps on the tiny data set below ``root``."""
    return {
        "device": "cpu",
        "dataset": {"name": "georet.testing.plugin:tiny", "root": str(root)},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}},
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": [{"name": "info_nce"}],
        "sampler": {"name": "random"},
        "train": {"epochs": 2, "batch_size": 8, "warmup_epochs": 0},
    }

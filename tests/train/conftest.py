"""A run that trains in seconds: tiny data, tiny backbone, mining and evaluation included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from georet.commands.training import start_run
from georet.plugins import Selection

PLUGINS = ["sample4geo", "georet.testing.plugin"]


def tiny_settings(root: Path) -> dict[str, Any]:
    return {
        "recipe": "none",
        "dataset": {"name": "tiny", "root": str(root), "num_places": 24, "size": 32},
        "data": {
            "size": {"query": [32, 32], "reference": [32, 32]},
            "joint": ["flip"],
            "augment": {"query": ["colour_jitter"], "reference": ["dropout"]},
        },
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": ["info_nce"],
        "sampler": {"name": "sample4geo", "select": 2, "pool": 4, "mine_every": 2},
        "train": {"epochs": 5, "batch_size": 4, "lr": 3e-3, "checkpoint_every": 2},
        "evaluate": {"every": 2},
    }


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture
def settings(tiny_root: Path) -> dict[str, Any]:
    return tiny_settings(tiny_root)


StartRun = Callable[..., Path]


@pytest.fixture
def start(tmp_path: Path, settings: dict[str, Any]) -> StartRun:
    """Return a function that trains a run ``name`` with the given --set overrides."""

    def started(name: str = "run", *overrides: str, plugins: list[str] | None = None) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump(settings))
        out = tmp_path / name
        return start_run(
            selection=Selection.of(plugins or PLUGINS), path=path, overrides=overrides, out=out
        )

    return started

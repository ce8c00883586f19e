"""Runs that differ from the one of ``settings``, trained in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from georet.commands.training import start_run
from georet.plugins import Selection

PLUGINS = ["sample4geo", "georet.testing.plugin"]


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

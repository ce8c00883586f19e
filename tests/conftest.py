"""Shared by all tests: nothing leaves temporary folders, and CPU threads don't fight."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(scope="session", autouse=True)
def _cache_is_temporary(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep generated data sets out of the user's cache."""
    if "GEORET_CACHE" not in os.environ:
        os.environ["GEORET_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def data_dir() -> Path:
    """Return the folder of golden figures."""
    return Path(__file__).parent / "data"

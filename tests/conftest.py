"""Shared by all tests: nothing leaves temporary folders, and CPU threads don't fight."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
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


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Let no file grow beyond 4096 bytes: writing on fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)

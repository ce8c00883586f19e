"""Shared by all tests: nothing leaves temporary folders, and processes don't fight for cores."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
NUM_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if NUM_WORKERS > 1:
    # Each worker takes its share of the cores; set here, before anything imports torch or numba.
    # numba keeps two threads: with one, the sweep would leave out the code that splits rows.
    share = max(1, len(os.sched_getaffinity(0)) // NUM_WORKERS)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, share)))
    # numba's cache numbers its files without a lock: two processes that compile one function for
    # two signatures at once may give both the same number, and load the other's code.
    compiled = Path(__file__).parents[1] / ".pytest_cache" / "numba"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(compiled / os.environ["PYTEST_XDIST_WORKER"]))

Shared = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Return what makes a folder once for all workers of this test run, and names it.

    ``shared(name, make)`` calls ``make(folder)`` in the worker that comes first; the others wait.
    A folder counts once its mark stands beside it, so that half a folder, of a worker that failed
    or was killed, is made anew. Tests must not change what is in it: they copy it.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def get(name: str, make: Callable[[Path], object]) -> Path:
        folder, mark = root / "shared" / name, root / "shared" / f"{name}.made"
        folder.parent.mkdir(exist_ok=True)
        with (root / "shared" / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not mark.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                mark.touch()
        return folder

    return get


PLUGINS = ["sample4geo", "georet.testing.plugin"]


def tiny_settings(root: Path) -> dict[str, Any]:
    return {
        "recipe": "none",
        "dataset": {"name": "tiny", "root": str(root), "num_places": 24, "size": 32},
        "data": {
            "size": {"query": [32, 32], "reference": [32, 32]},
            "workers": 0,
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
def tiny_root(shared: Shared) -> Path:
    """Return where the images of the tiny data set lie."""
    from georet.testing.tiny import tiny_dataset

    return shared("tiny-images", lambda folder: tiny_dataset(folder, size=32))


@pytest.fixture
def settings(tiny_root: Path) -> dict[str, Any]:
    """Return a run of 30 steps, mining and evaluation included; tests may change it."""
    return tiny_settings(tiny_root)


@pytest.fixture(scope="session")
def trained(shared: Shared, tiny_root: Path) -> Path:
    """Return the run of ``settings``, trained once; don't change it."""
    from georet.commands.training import start_run
    from georet.plugins import Selection

    def make(folder: Path) -> None:
        path = folder / "settings.yaml"
        path.write_text(yaml.safe_dump(tiny_settings(tiny_root)))
        start_run(selection=Selection.of(PLUGINS), path=path, out=folder / "run")

    return shared("trained", make) / "run"


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

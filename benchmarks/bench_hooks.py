"""What observer hooks cost a step: `pytest benchmarks -o python_files='bench_*.py'`."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from georet.plugins import Plugins, load_plugins

SOURCE = """
from georet import hookimpl

@hookimpl
def georet_step_end(trainer, step, loss):
    pass
"""


def loaded(folder: Path, num_observers: int) -> Plugins:
    """Return plugins of which so many watch each step."""
    paths = [folder / f"watcher{i}.py" for i in range(num_observers)]
    for path in paths:
        path.write_text(SOURCE)
    return load_plugins([str(path) for path in paths] or ["none"])


@pytest.mark.parametrize("num_observers", [0, 1, 4])
def test_a_step_tells_its_observers(
    benchmark: BenchmarkFixture, tmp_path: Path, num_observers: int
) -> None:
    plugins = loaded(tmp_path, num_observers)
    benchmark(plugins.observe, "georet_step_end", trainer=None, step=1, loss=None)


def test_listing_plugins_reads_metadata_only(benchmark: BenchmarkFixture) -> None:
    from georet.plugins import list_plugins

    assert benchmark(list_plugins)

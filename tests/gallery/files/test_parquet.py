"""Arrow's files, read without what Arrow brings along."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from georet.gallery.files.parquet import plan_bytes, read_centres, read_plan, read_some
from georet.tiles.table import TileTable

READS = """
import io, os, sys
import pyarrow
from georet.gallery.files import parquet

before = len(os.listdir("/proc/self/task"))
content = sys.stdin.buffer.read()
parquet.read_plan(content), parquet.read_centres(io.BytesIO(content))
print(len(os.listdir("/proc/self/task")) - before, "pandas" in sys.modules)
"""


def tiles(num: int) -> TileTable:
    latlon = np.random.default_rng(0).uniform(-60, 60, (num, 2))
    corners = latlon[:, None] + np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]]) * 1e-3
    return TileTable([f"t{at}" for at in range(num)], latlon, corners, np.full(num, 200.0))


def test_tiles_come_back_as_they_were_written(tmp_path):
    for num in (0, 1, 40_000):
        given = tiles(num)
        content = plan_bytes(given)
        (path := tmp_path / "plan").write_bytes(content)
        read = read_plan(content)
        assert list(read.ids) == list(given.ids)
        assert np.array_equal(read.corners_latlon, given.corners_latlon)
        with path.open("rb") as file:
            latlon, side_m = read_centres(file)
        assert np.array_equal(latlon, given.latlon)
        assert np.array_equal(side_m, given.side_m)
    with path.open("rb") as file:
        some = read_some(file, np.array([39_999, 3]))
    assert list(some.ids) == ["t3", "t39999"]


def test_reading_starts_no_thread_that_would_stay_and_imports_no_pandas():
    # A process that ends while a thread of Arrow's starts is aborted by C++.
    done = subprocess.run(
        [sys.executable, "-c", READS], input=plan_bytes(tiles(100)), capture_output=True, check=True
    )
    assert done.stdout.decode().split() == ["0", "False"]

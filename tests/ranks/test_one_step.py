"""One step on 2 and on 3 ranks is the step of one process: in float64, to 1e-12."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.ranks.world import ALONE

SCRIPT = Path(__file__).with_name("one_step.py")
ONE = runpy.run_path(str(SCRIPT))
NEAR = 1e-12


@pytest.fixture(scope="module", params=[2, 3])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where so many ranks have written what all cases came to."""
    folder = tmp_path_factory.mktemp(f"ranks-{request.param}")
    env = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    own = [sys.executable, str(SCRIPT)]
    given = [str(request.param), str(folder / "store"), str(folder)]
    started = [
        subprocess.Popen([*own, str(rank), *given], env=env) for rank in range(request.param)
    ]
    assert [process.wait(240) for process in started] == [0] * request.param
    return folder


@pytest.fixture(scope="module")
def alone() -> dict[str, dict[str, Any]]:
    """Return what one process comes to, by case."""
    return {name: ONE["outcome"](case, ALONE) for name, case in ONE["CASES"].items()}


@pytest.mark.parametrize("name", list(ONE["CASES"]))
def test_ranks_compute_what_one_process_does(folder: Path, alone, name: str) -> None:
    expected, number = alone[name], list(ONE["CASES"]).index(name)
    for rank in range(int(folder.name.split("-")[1][0])):
        found = np.load(folder / f"{number}-{rank}.npz")
        assert set(found) == set(expected)
        for key, value in expected.items():
            scale = max(1.0, float(np.abs(np.nan_to_num(value)).max()))
            far = np.abs(np.nan_to_num(found[key]) - np.nan_to_num(value)).max() / scale
            assert (np.isnan(found[key]) == np.isnan(value)).all(), key
            assert far < NEAR, f"{key} of rank {rank} is off by {far:.1e}"


def test_all_of_it_would_show_in_the_gradients(alone) -> None:
    for name, found in alone.items():
        sizes = {key: np.abs(v).max() for key, v in found.items() if key.startswith("gradient")}
        assert all(size > 1e-6 for size in sizes.values()), (name, sizes)


def test_chunks_drop_what_the_whole_batch_drops(alone) -> None:
    whole, chunks = alone["drop path"], alone["chunks that drop"]
    for key, value in whole.items():
        np.testing.assert_allclose(chunks[key], value, rtol=0, atol=NEAR, err_msg=key)


def test_a_local_loss_is_the_whole_one(alone) -> None:
    for key, value in alone["plain"].items():
        np.testing.assert_allclose(alone["local loss"][key], value, rtol=0, atol=NEAR)

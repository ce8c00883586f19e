"""Whole small runs by 3 ranks: the loss curve, batches and figures of one process, whatever it is.

``benchmarks/distributed.py`` trains the same cases for longer, by 1, 2 and 3 ranks.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from georet.testing.rank_runs import OWN, Case, cases, settings, train_cases, write_cases
from georet.train.checkpoint import load_checkpoint
from georet.train.events import read_events

NEAR, OF_LOSSES = {"fits": 1e-3, "bf16": 1e-2}, {"bf16": 5e-2}
"""Fits invert a covariance, and bf16 rounds to 8 bits; all else is within 1e-5."""
COURSE = str(Path(__file__).parents[1] / "train" / "curriculum.py")
LEFT_OUT = "two losses, one local"
"""Which ``test_one_step`` holds to 1e-12."""
CASES = (
    *sorted(cases(Path()).keys() - {LEFT_OUT}),
    "sizes, transforms and losses that know the run's course",
)
EPOCHS = 2


def of_course(root: Path) -> Case:
    """Return a run whose images change with its course, and a loss that reads what changed."""
    own = settings(root, EPOCHS)
    own["dataset"] = {"name": "places", "root": str(root)}
    own["data"] = {
        "size": {view: [32, 32] for view in ("query", "reference", "winter")},
        "workers": 0,
        "aux_views": ["winter"],
        "joint": ["flip", "winter", "turn"],
        "augment": {"query": [{"name": "field_of_view", "degrees": "size"}, "shift"]},
        "size_schedule": {
            "query": {"last": [32, 12], "every": "batch"},
            "reference": {"first": [24, 24], "random": True, "every": "batch", "multiple": 8},
            "winter": {"first": [24, 24], "random": True, "every": "batch", "multiple": 8},
        },
    }
    own["losses"] = ["info_nce", {"name": "heading", "weight": 0.5}]
    own["sampler"] = "ramp"
    return (*OWN, COURSE), own


@pytest.fixture(scope="module")
def folder(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where one process and three ranks have trained every case."""
    folder = tmp_path_factory.mktemp("cases")
    given = cases(tiny_root, EPOCHS) | {CASES[-1]: of_course(tiny_root)}
    write_cases(folder, {name: given[name] for name in CASES})
    env = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    own = [sys.executable, "-m", "georet.testing.rank_runs"]
    started = [subprocess.Popen([*own, str(rank), "3", str(folder)], env=env) for rank in range(3)]
    train_cases(folder)
    assert [process.wait(300) for process in started] == [0] * 3
    return folder


def noted(run: Path, kind: str, key: str) -> list[Any]:
    return [event[key] for event in read_events(run) if event["event"] == kind]


@pytest.mark.parametrize("name", CASES)
def test_three_ranks_train_what_one_process_does(folder: Path, name: str) -> None:
    runs = [folder / size / name for size in ("1", "3")]
    plans, losses, figures = (
        [noted(run, *what) for run in runs]
        for what in (("plan", "example_pairs"), ("step", "loss"), ("eval", "metrics"))
    )
    assert plans[0] == plans[1]
    assert len(losses[0]) == len(losses[1]) >= 8
    far = max(abs(a - b) for a, b in zip(*losses, strict=True))
    assert far < OF_LOSSES.get(name, 1e-5)
    assert name == "bf16" or figures[0] == figures[1]
    groups = [load_checkpoint(run).tensors for run in runs]
    for group in groups[0].keys() - {"optimizer"}:
        assert groups[0][group].keys() == groups[1][group].keys()
        for key, value in groups[0][group].items():
            far = (value.double() - groups[1][group][key].double()).abs().max()
            assert far < NEAR.get(name, 1e-5), f"{group} {key} is off by {far:.1e}"


def test_cases_learn_something_else_than_the_plain_run(folder: Path) -> None:
    plain = noted(folder / "1" / "plain", "step", "loss")
    # Averages and fits change what is judged, not what is learnt.
    for name in {*CASES} - {"plain", "average of weights", "fits"}:
        curve = noted(folder / "1" / name, "step", "loss")
        far = max(abs(a - b) for a, b in zip(curve, plain, strict=False))
        assert far > 1e-3, name

"""Whole runs by 1, 2 and 3 ranks: the same batches, losses and figures."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from georet.files import read_json

NEAR = 1e-5


def events_of(run_dir: Path, kind: str) -> list[dict]:
    from georet.train.events import read_events

    return [event for event in read_events(run_dir) if event["event"] == kind]


def far(one: Path, other: Path) -> float:
    """Return by how much the losses of two runs differ at most."""
    losses = [[event["loss"] for event in events_of(run, "step")] for run in (one, other)]
    assert len(losses[0]) == len(losses[1]) > 20
    return max(abs(a - b) for a, b in zip(*losses, strict=True))


def same(one: Path, other: Path) -> None:
    plans = [[e["example_pairs"] for e in events_of(run, "plan")] for run in (one, other)]
    assert plans[0] == plans[1]
    assert far(one, other) < NEAR
    figures = [[e["metrics"] for e in events_of(run, "eval")] for run in (one, other)]
    assert figures[0] == figures[1]


def test_ranks_train_the_run_of_one_process(command, trained: Path, tmp_path: Path) -> None:
    ended = command("--nproc", "3", "--out", str(tmp_path / "run")).run()
    assert ended.code == 0, ended.said
    assert "3 ranks by gloo" in ended.said
    same(trained, tmp_path / "run")
    assert read_json(tmp_path / "run" / "manifest.json")["ranks"] == "3 ranks by gloo"


def test_two_ranks_that_are_stopped_go_on_as_three(command, settings, tmp_path: Path) -> None:
    # Long enough to be stopped between its first and its last sign of life.
    settings["train"] |= {"epochs": 60, "checkpoint_every": 400}
    settings["evaluate"]["every"], settings["sampler"] = 60, "random"
    run_dir, alone = tmp_path / "run", tmp_path / "alone"
    start = command("--nproc", "2", "--out", str(run_dir))
    ended = start.run(at=r"training, step \d", rank=1, number=signal.SIGTERM)
    assert ended.code == 75, ended.said
    ended = command("--nproc", "3", "--resume", str(run_dir)).run()
    assert ended.code == 0, ended.said
    assert command("--out", str(alone)).run().code == 0
    plans = [[e["example_pairs"] for e in events_of(run, "plan")] for run in (alone, run_dir)]
    assert plans[0] == plans[1]
    # Rounding grows over so many steps.
    assert far(alone, run_dir) < 100 * NEAR


@pytest.mark.slow
def test_two_agents_of_torchrun_train_the_run_of_one_process(
    command, trained: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    made = command("--out", str(run_dir))
    env = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    port = 29400 + os.getpid() % 500
    agent = [
        *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"),
        *("--rdzv-backend", "c10d", "--rdzv-id", "mini", "--local-addr", "127.0.0.1"),
        *("--rdzv-endpoint", f"127.0.0.1:{port}", "-m", "georet", "train"),
        *("--plugins", "sample4geo,georet.testing.plugin", *made.arguments),
    ]
    started = [
        subprocess.Popen(agent, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=600)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    same(trained, run_dir)


def test_ranks_judge_as_one_process_does_and_the_first_alone_speaks(
    trained: Path, tmp_path: Path
) -> None:
    run_dir = shutil.copytree(trained, tmp_path / "run")
    judge = ["eval", str(run_dir), "--plugins", "sample4geo,georet.testing.plugin", "--json"]
    env = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    port = 29900 + os.getpid() % 500
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", f"--master-port={port}"]
    commands = {
        "nproc": ["-m", "georet", *judge, "--nproc", "2"],
        "torchrun": [*torchrun, "-m", "georet", *judge, "--save", "shared"],
    }
    ended = {
        name: subprocess.run(
            [sys.executable, *words], env=env, capture_output=True, text=True, check=False
        )
        for name, words in commands.items()
    }
    assert [one.returncode for one in ended.values()] == [0, 0], ended
    alone = read_json(trained / "evaluation/held-out.json")["metrics"]
    for one in ended.values():
        assert json.loads(one.stdout)[0]["metrics"] == alone
    assert read_json(run_dir / "evaluation/shared/held-out.json")["metrics"] == alone


def test_a_rank_killed_while_judging_is_named_and_nothing_is_to_go_on(
    command, trained: Path
) -> None:
    ended = command(str(trained), "--nproc", "2", verb="eval").run(at="start|evaluation", rank=1)
    assert ended.code == 1, ended.said
    assert "rank 1 of 2" in ended.said
    assert "was killed by SIGKILL" in ended.said
    assert "call the same command again" in ended.said

"""A rank that is killed or stopped ends all, by name and in time, and the run goes on."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from georet.train.checkpoint import load_checkpoint

ENDS_S = 60.0


def test_a_killed_rank_is_named_at_once_and_the_run_goes_on(command, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    more = ("--set", "train.epochs=12", "--set", "evaluate.every=12")
    # Steps are made together: rank 1 is at its fourth when rank 0 has saved the second.
    start = command("--nproc", "3", "--out", str(run_dir), *more)
    ended = start.run(at=r"training, step ([3-9]|\d\d)", rank=1)
    assert ended.code == 1
    assert "rank 1 of 3" in ended.said
    assert "was killed by SIGKILL; it was at: training, step" in ended.said
    assert f"georet train --resume {run_dir}" in ended.said
    assert ended.seconds < ENDS_S
    ended = command("--nproc", "2", "--resume", str(run_dir)).run()
    assert ended.code == 0, ended.said


def test_a_rank_that_is_stopped_while_it_saves_is_named_and_nothing_is_lost(
    command, settings, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    settings["encoder"]["backbone"]["name"] = "georet.testing.slow_plugin:slow"
    settings["train"] |= {"epochs": 2, "checkpoint_every": 2, "ranks": {"silence_s": 5}}
    start = command("--nproc", "2", "--out", str(run_dir))
    ended = start.run(at="saving at step 4", number=signal.SIGSTOP)
    assert ended.code == 1
    assert ended.hit
    assert "rank 0 of 2" in ended.said
    assert "gave no sign of life for 5 s; it was at: saving at step 4" in ended.said
    assert ended.seconds < ENDS_S
    assert load_checkpoint(run_dir).state["step"] == 2


def test_a_dry_run_by_ranks_measures_them_together(command) -> None:
    ended = command("--nproc", "2", "--dry-run").run()
    assert ended.code == 0, ended.said
    assert "Dry run of 2 ranks" in ended.shown
    assert "30 in 5 epochs" in ended.shown
    assert "GiB together" in ended.shown


def test_a_stop_reaches_all_ranks_and_is_no_fault(command, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    more = ("--set", "train.epochs=60", "--set", "evaluate.every=60")
    start = command("--nproc", "2", "--out", str(run_dir), *more)
    ended = start.run(at=r"training, step \d", rank=1, number=signal.SIGTERM)
    assert ended.code == 75, ended.said
    assert "stopped by SIGTERM" in ended.said
    assert load_checkpoint(run_dir).state["step"] >= 1


def test_what_a_rank_says_of_the_data_is_told_once_with_its_exit_code(
    command, settings, tmp_path: Path
) -> None:
    broken = tmp_path / "copied"
    shutil.copytree(settings["dataset"]["root"], broken)
    for path in sorted(broken.rglob("*.jpg")):
        path.write_bytes(b"no image")
    settings["dataset"]["root"] = str(broken)
    settings["sampler"] = "random"
    ended = command("--nproc", "2", "--out", str(tmp_path / "run")).run()
    assert ended.code == 3, ended.said
    assert ended.said.count("error:") == 1, ended.said
    assert ".jpg" in ended.said


def test_what_ranks_cant_do_is_said_before_anything_is_written(command, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    ended = command("--nproc", "5", "--out", str(run_dir)).run()
    assert ended.code == 2, ended.said
    assert "4 pairs can't be shared by 5 ranks" in ended.said
    assert not run_dir.exists() or not any(run_dir.glob("c*"))

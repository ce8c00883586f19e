"""Galleries made by the array job of a real Slurm equal local ones; what can't run is told."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from georet.testing.textured import write_folder
from georet.testing.tiny_run import tiny_run

PLUGINS = "sample4geo,georet.testing.plugin,georet_slurm"


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what a build of 40 shards is called with, but for where it goes and who makes it."""
    folder = tmp_path_factory.mktemp("given")
    tiles = write_folder(folder / "tiles", 40, 64)
    run = tiny_run(folder)
    command = f"{tiles} --encoder {run} --shard-size 1 --batch 1 --plugins {PLUGINS}"
    return [sys.executable, "-m", "georet", "gallery", "build", *command.split()]


def start(given: list[str], out: Path, environment: dict[str, str], *more: str) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*given, "--out", str(out), *more], env=environment, **pipes)


@pytest.fixture(scope="module")
def quiet(given: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the gallery, built here."""
    out = tmp_path_factory.mktemp("quiet") / "g"
    process = start(given, out, dict(os.environ), "--workers", "0")
    assert process.wait() == 0, process.communicate()[1]
    return out


def test_an_array_of_two_tasks_gives_the_bytes_of_a_local_build(
    slurm: dict[str, str], given: list[str], quiet: Path, tmp_path: Path
) -> None:
    process = start(given, tmp_path / "g", slurm, "--executor", "slurm?shares=2")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "note: Slurm's job" in errors
    assert stat.S_IMODE((tmp_path / "g.slurm").stat().st_mode) == 0o700, "addresses hold keys"
    assert contents(tmp_path / "g") == contents(quiet)


def test_a_stopped_call_leaves_the_job_and_the_next_one_follows_it(
    slurm: dict[str, str], given: list[str], quiet: Path, tmp_path: Path
) -> None:
    process = start(given, tmp_path / "g", slurm, "--executor", "slurm?shares=2")
    noted = tmp_path / "g.slurm/job"
    while not noted.is_file():
        assert process.poll() is None
        time.sleep(0.05)
    job = noted.read_text()
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate()[1]
    assert process.returncode == 75, errors
    assert f"scancel {job.strip()} ends it" in errors
    process = start(given, tmp_path / "g", slurm, "--executor", "slurm?shares=2")
    errors = process.communicate()[1]
    assert process.returncode == 0, errors
    assert noted.read_text() == job
    assert contents(tmp_path / "g") == contents(quiet)


def test_a_cancelled_job_names_what_is_missing(
    slurm: dict[str, str], given: list[str], tmp_path: Path
) -> None:
    process = start(given, tmp_path / "g", slurm, "--executor", "slurm?shares=2")
    while not list(tmp_path.glob("g/shards/part-*.parquet")):
        assert process.poll() is None
        time.sleep(0.05)
    job = (tmp_path / "g.slurm/job").read_text().strip()
    subprocess.run(["scancel", job], env=slurm, check=True)
    errors = process.communicate()[1]
    assert process.returncode == 3, errors
    assert f"job {job} has ended, and" in errors
    assert "of 40 shards are missing" in errors
    assert "stopped by SIGTERM" in errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("cpus=800", "Requested node configuration is not available"),
        ("partition=nowhere", "invalid partition specified"),
        ("gpus=1", "Invalid generic resource"),
    ],
)
def test_what_no_node_has_is_refused_in_slurms_words(
    options: str, said: str, slurm: dict[str, str], given: list[str], tmp_path: Path
) -> None:
    process = start(given, tmp_path / "g", slurm, "--executor", f"slurm?{options}")
    errors = process.communicate()[1]
    assert process.returncode == 3
    assert said in errors
    assert not (tmp_path / "g.slurm/job").exists()


def test_without_slurm_the_job_is_printed(given: list[str], tmp_path: Path) -> None:
    asked = "slurm?submit=false&shares=5&gpus=1&minutes=90"
    process = start(given, tmp_path / "g", dict(os.environ), "--executor", asked)
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "#SBATCH --array=1-5\n" in errors + printed
    assert "#SBATCH --gres=gpu:1\n" in errors + printed
    assert "#SBATCH --time=90\n" in errors + printed
    assert '--shard "$SLURM_ARRAY_TASK_ID/5"' in errors + printed
    assert "--executor" not in errors + printed
    assert not (tmp_path / "g").exists()


def test_a_share_of_an_array_makes_no_sense(given: list[str], tmp_path: Path) -> None:
    more = ("--executor", "slurm?submit=false", "--shard", "1/3")
    process = start(given, tmp_path / "g", dict(os.environ), *more)
    errors = process.communicate()[1]
    assert process.returncode == 2
    assert "--shard can't be given with it" in errors

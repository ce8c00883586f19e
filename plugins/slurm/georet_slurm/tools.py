"""Slurm's commands: what they are asked, and what their answers mean."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from georet.errors import DataError, UsageError

_PATIENCE_S: Final = 60.0
_REGISTER_S: Final = 5.0
"""For so long after Slurm's start nodes may not be known yet, and nothing can run."""
STUCK: Final = (
    "PartitionConfig",
    "BadConstraints",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "AssocMaxJobsLimit",
    "AssocGrpCpuLimit",
    "QOSMaxJobsPerUserLimit",
    "DependencyNeverSatisfied",
    "JobHeldAdmin",
    "JobHeldUser",
    "InvalidAccount",
    "InvalidQOS",
)
"""Reasons for waiting that don't pass by themselves."""


@dataclass(frozen=True)
class Task:
    """One task of an array: its id (``12_3``), Slurm's state, and why it waits."""

    number: str
    state: str
    reason: str

    @property
    def is_waiting(self) -> bool:
        """Whether it has not begun."""
        return self.state == "PENDING"


def check_installed() -> None:
    """Raise UsageError where Slurm's commands are missing."""
    if shutil.which("sbatch") is None or shutil.which("squeue") is None:
        raise UsageError(
            "sbatch is not found on this machine",
            where="--executor slurm",
            hint="Type this on a login node; --executor 'slurm?submit=false' prints the job.",
        )


def test(script: Path) -> None:
    """Raise DataError, in Slurm's words, for a job that could never run here.

    Without this sbatch accepts what no node has, and it waits for ever.
    """
    began_s = time.monotonic()
    while True:
        done = _called("sbatch", "--test-only", str(script))
        if done.returncode == 0:
            return
        if time.monotonic() - began_s > _REGISTER_S:
            raise _refused(done, str(script))
        time.sleep(1)


def submit(script: Path) -> str:
    """Submit a job and return its id."""
    done = _called("sbatch", "--parsable", str(script))
    if done.returncode:
        raise _refused(done, str(script))
    return done.stdout.strip().partition(";")[0]


def tasks(job: str) -> list[Task]:
    """Return the tasks of a job that have not ended, none for a job that Slurm has forgotten."""
    done = _called("squeue", "-h", "-r", "-j", job, "-o", "%i|%T|%r")
    if done.returncode:
        if "Invalid job id" in done.stderr:
            return []
        raise _refused(done, f"squeue -j {job}")
    lines = [line.split("|") for line in done.stdout.splitlines() if line.count("|") == 2]
    return [Task(*(part.strip() for part in line)) for line in lines]


def _called(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - Slurm's own commands
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"{command[0]} does not answer: {error}", where="Slurm") from error


def _refused(done: subprocess.CompletedProcess[str], where: str) -> DataError:
    words = [line.partition("error: ")[2] or line for line in done.stderr.splitlines()]
    return DataError(
        f"Slurm says: {'; '.join(filter(None, words)) or f'exit code {done.returncode}'}",
        where=where,
        hint="`sinfo` shows partitions and nodes. Options: "
        "--executor 'slurm?shares=8&cpus=4&gpus=1&partition=NAME&minutes=120'",
    )

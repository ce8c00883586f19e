"""The executor `slurm`: writes an array job, submits it, and follows the gallery's journal."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from georet.contracts.making import Build
from georet.errors import DataError, GeoretError, Interrupted, UsageError
from georet.files import write_atomic
from georet.gallery.files.manifest import MANIFEST
from georet.gallery.info import build_state
from georet_slurm import tools
from georet_slurm.tools import Task

_POLL_S: Final = 2.0
_SAID_S: Final = 30.0
_STUCK_S: Final = 10.0
_JOB: Final = "job"
_MOST_NAMED: Final = 12


class SlurmExecutor:
    """Has shards made by an array job of Slurm with ``shares`` tasks, each a share of the shards.

    Script, the job's number and the tasks' logs lie beside the gallery, in ``OUT.slurm``, which the
    user alone can read. With ``submit=false`` the script is printed and nothing else done.
    ``cpus``, ``gpus``, ``memory`` (``8G``), ``minutes``, ``partition`` and ``account`` are asked
    for each task. All nodes must see source, encoder and gallery under the same paths. A job that
    is still there is followed, not submitted again. Stopping this call leaves the job.
    """

    def __init__(
        self,
        *,
        shares: Annotated[int, Field(ge=1, le=10_000)] = 8,
        cpus: Annotated[int, Field(ge=1)] = 1,
        gpus: Annotated[int, Field(ge=0)] = 0,
        memory: str | None = None,
        minutes: Annotated[int, Field(ge=1)] | None = None,
        partition: str | None = None,
        account: str | None = None,
        submit: bool = True,
    ) -> None:
        self.shares, self.submit = shares, submit
        asked = {
            "array": f"1-{shares}",
            "cpus-per-task": str(cpus),
            "gres": f"gpu:{gpus}" if gpus else None,
            "mem": memory,
            "time": None if minutes is None else str(minutes),
            "partition": partition,
            "account": account,
        }
        self._asked = {name: value for name, value in asked.items() if value is not None}

    def run(self, build: Build, /) -> None:
        """Submit the job and wait for its end, or print it."""
        if build.num_shares > 1:
            raise UsageError(
                "the job's tasks are the shares: --shard can't be given with it",
                where="--executor slurm",
                hint="Leave --shard out; --executor 'slurm?shares=8' says how many.",
            )
        if build.command is None:
            raise UsageError(
                "it is not known by which command a task makes its share",
                where="executor slurm",
                hint="Use georet gallery build, or give build_gallery(command=[...]).",
            )
        folder = Path(f"{build.folder}.slurm").absolute()
        content = self._script(build.command, folder)
        if not self.submit:
            build.say(content)
            return
        tools.check_installed()
        folder.parent.mkdir(parents=True, exist_ok=True)
        # A source's address may hold a key, and the script repeats the command.
        folder.mkdir(mode=0o700, exist_ok=True)
        job = self._job(folder, content)
        build.say(f"note: Slurm's job {job}; its tasks write to {folder}")
        _followed(build, job, folder)

    def _script(self, command: Sequence[str], folder: Path) -> str:
        called = [sys.executable, "-m", "georet", *command[1:]]
        name = folder.name.removesuffix(".slurm")
        lines = [
            "#!/bin/bash",
            f"#SBATCH --job-name={shlex.quote(f'georet-{name}')}",
            f"#SBATCH --output={shlex.quote(f'{folder}/%A_%a.log')}",
            f"#SBATCH --chdir={shlex.quote(str(Path.cwd()))}",
            *(f"#SBATCH --{option}={shlex.quote(value)}" for option, value in self._asked.items()),
            # The signal that ends a job must reach georet, not the shell.
            f'exec {shlex.join(called)} --shard "$SLURM_ARRAY_TASK_ID/{self.shares}"',
        ]
        return "\n".join(lines) + "\n"

    def _job(self, folder: Path, content: str) -> str:
        """Return the job's number: one submitted before that has not ended, or a new one."""
        noted = folder / _JOB
        if noted.is_file():
            job = noted.read_text().strip()
            if job and tools.tasks(job):
                return job
        script = folder / "job.sh"
        write_atomic(script, content.encode())
        tools.test(script)
        job = tools.submit(script)
        write_atomic(noted, f"{job}\n".encode())
        return job


def _followed(build: Build, job: str, folder: Path) -> None:
    """Wait until the job has ended; DataError where it waits for ever, or shards are missing.

    What is done is what the gallery's journal says, whatever Slurm believes of its tasks.
    """
    said_s = stuck_s = time.monotonic()
    while left := tools.tasks(job):
        try:
            build.check_stop()
        except Interrupted as stop:
            what = f"{stop.what}; job {job} goes on, scancel {job} ends it"
            hint = "The same call follows it again."
            raise Interrupted(what, where=stop.where, hint=hint) from stop
        now_s = time.monotonic()
        is_stuck = all(task.is_waiting and task.reason in tools.STUCK for task in left)
        stuck_s = stuck_s if is_stuck else now_s
        if now_s - stuck_s > _STUCK_S:
            raise DataError(
                f"job {job} waits for what will not come: {left[0].reason}",
                where="Slurm",
                hint=f"scancel {job} removes it; ask for less, or for another partition.",
            )
        if now_s - said_s > _SAID_S:
            said_s = now_s
            build.say(_in_words(build.folder, job, left))
        time.sleep(_POLL_S)
    if not (build.folder / MANIFEST).is_file():
        raise _missing(build.folder, job, folder)


def _in_words(gallery: Path, job: str, left: Sequence[Task]) -> str:
    state = build_state(gallery)
    waiting = [task.reason for task in left if task.is_waiting]
    done = "nothing is planned yet"
    if state is not None:
        done = f"{state.num_shards - len(state.missing)} of {state.num_shards} shards are done"
    why = f" ({', '.join(sorted(set(waiting)))})" if waiting else ""
    return f"job {job}: {len(left) - len(waiting)} tasks run, {len(waiting)} wait{why}; {done}"


def _missing(gallery: Path, job: str, folder: Path) -> GeoretError:
    """Return the error for a job that has ended and left shards undone."""
    state = build_state(gallery)
    what = "no task began" if state is None else "the gallery is not finished"
    if state is not None and state.missing:
        named = ", ".join(map(str, state.missing[:_MOST_NAMED]))
        more = ", ..." if len(state.missing) > _MOST_NAMED else ""
        what = f"{len(state.missing)} of {state.num_shards} shards are missing: {named}{more}"
    logs = sorted(folder.glob(f"{job}_*.log"), key=os.path.getmtime)
    last = [line for log in logs for line in _last_lines(log)]
    return DataError(
        f"job {job} has ended, and {what}" + "".join(f"\n  {line}" for line in last[:6]),
        where=str(gallery),
        hint=f"The logs are {folder}/{job}_*.log. The same command submits what is missing.",
    )


def _last_lines(log: Path) -> list[str]:
    """Return the error in a task's log, if there is one."""
    lines = log.read_text(errors="replace").splitlines()
    return [f"{log.name}: {line}" for line in lines if line.startswith(("error:", "slurmstepd:"))]

"""Starts the ranks of a training on this machine, and says which one failed.

For several machines there is ``torchrun``. Here no port is opened to start with: ranks find each
other by a file.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

from georet.errors import GeoretError, Interrupted, UsageError
from georet.platforms import KILL
from georet.ranks.beats import (
    GRACE_S,
    Verdict,
    beat_of,
    go_on_with,
    since_beat_s,
    verdict_in,
    write_verdict,
)
from georet.ranks.joining import SIGNS, STORE, SUPERVISOR, is_rank

_POLL_S: Final = 0.1
_TAIL: Final = 2000
"""Characters of what a rank has said on stderr that are shown when it fails without a word."""


def supervised(num: int) -> bool:
    """Run this process's own command as ``num`` ranks to their end, where it is not one itself.

    The flag says whether that was done; a command goes on only where it wasn't. Errors are those of
    ``supervise``.
    """
    if num == 1 or SUPERVISOR in os.environ:
        return False
    supervise(num, [sys.executable, "-m", "georet", *sys.argv[1:]])
    return True


def supervise(num: int, command: Sequence[str]) -> None:
    """Run ``command`` as ``num`` ranks to their end.

    The first rank has the terminal. Raises the error of the rank that failed first, or one that
    names a rank that was killed or gave no sign of life; by then all have ended. SIGTERM and Ctrl-C
    are passed on to all, and they stop together.
    """
    if is_rank():
        raise UsageError(
            "--nproc starts ranks, and this process is one already",
            hint="Leave it out under torchrun.",
        )
    with tempfile.TemporaryDirectory(prefix="georet-ranks-") as name:
        folder = Path(name)
        started = [_started(rank, num, command, folder) for rank in range(num)]
        with _passing_signals(started):
            codes: Sequence[int | None] = ()
            try:
                codes = _wait(started, folder)
            finally:
                for process in started:
                    process.kill()
                    process.wait()
        _judge(codes, folder)


def _started(rank: int, num: int, command: Sequence[str], folder: Path) -> subprocess.Popen[Any]:
    if rank == 0:
        return subprocess.Popen(  # noqa: S603 - the command of this process itself
            command, env=_environment(rank, num, folder)
        )
    with _log(folder, rank).open("wb") as log:
        return subprocess.Popen(  # noqa: S603
            command,
            env=_environment(rank, num, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


def _environment(rank: int, num: int, folder: Path) -> Mapping[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    usual = {
        "OMP_NUM_THREADS": str(max(1, (cores or 1) // num)),
        # Only this machine takes part; and torch looks up no name of it, nor complains about that.
        "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
    who = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": num, "LOCAL_WORLD_SIZE": num}
    given = {
        STORE: str(folder / "store"),
        SIGNS: str(folder / "signs"),
        SUPERVISOR: str(os.getpid()),
    }
    return {**usual, **os.environ, **{k: str(v) for k, v in who.items()}, **given}


def _wait(started: Sequence[subprocess.Popen[Any]], folder: Path) -> Sequence[int | None]:
    """Return exit codes when all have ended; once one has failed, the others get some seconds.

    None stands for a rank that had not ended by then: it is not at fault.
    """
    failed_s: float | None = None
    while None in (codes := [process.poll() for process in started]):
        if failed_s is None and any(codes):
            failed_s = time.monotonic()
            _note_death(codes, started, folder)
        if failed_s is not None and time.monotonic() - failed_s > GRACE_S:
            return codes
        time.sleep(_POLL_S)
    if any(codes):
        _note_death(codes, started, folder)
    return codes


def _note_death(
    codes: Sequence[int | None], started: Sequence[subprocess.Popen[Any]], folder: Path
) -> None:
    """Make a rank that a signal ended the verdict, before the others blame each other."""
    for rank, code in enumerate(codes):
        if code is not None and code < 0:
            (folder / "signs").mkdir(exist_ok=True)
            write_verdict(folder / "signs", _killed(rank, code, started[rank].pid, folder))


def _killed(rank: int, code: int, pid: int, folder: Path) -> Verdict:
    beat = beat_of(folder / "signs", rank)
    names = {int(number): number.name for number in signal.Signals}
    return Verdict(
        rank,
        pid,
        socket.gethostname(),
        "start" if beat is None else beat.at,
        f"was killed by {names.get(-code, f'signal {-code}')}",
        hint="Linux kills what takes the last memory: `dmesg` says so. A smaller train.chunk, or "
        "fewer data.workers, take less."
        if code == -KILL
        else None,
    )


def _judge(codes: Sequence[int | None], folder: Path) -> None:
    """Raise what made the ranks end, if anything did."""
    if not any(codes):
        return
    found = verdict_in(folder / "signs")
    if found is not None:
        signs = folder / "signs"
        error = found.error(len(codes), go_on_with(signs), since_beat_s(signs, found.rank))
        is_fault = not isinstance(error, Interrupted) and found.what.startswith("failed")
        if is_fault and found.rank > 0:
            error = _with_log(error, _log(folder, found.rank))
        raise error
    if codes[0] and codes[0] > 0:
        # It failed before it knew of others, and has said why.
        raise SystemExit(codes[0])
    rank, code = next((rank, code) for rank, code in enumerate(codes) if code)
    raise _with_log(
        GeoretError(f"rank {rank} of {len(codes)} ended with code {code}"), _log(folder, rank)
    )


def _with_log(error: GeoretError, log: Path) -> GeoretError:
    said = log.read_text(errors="replace")[-_TAIL:].strip() if log.is_file() else ""
    if not said:
        return error
    hint = f"{error.hint}\n  " if error.hint else ""
    return type(error)(error.what, where=error.where, hint=f"{hint}It said:\n{said}")


def _log(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank}.log"


class _passing_signals:  # noqa: N801 - reads as a statement
    """Passes SIGTERM on to all ranks; Ctrl-C they get from the terminal. A second one kills."""

    def __init__(self, started: Sequence[subprocess.Popen[Any]]) -> None:
        self._started, self._num = started, 0
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        both = (signal.SIGTERM, signal.SIGINT)
        self._previous = {number: signal.signal(number, self._pass_on) for number in both}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._num += 1
        for process in self._started:
            if process.poll() is None:
                process.send_signal(KILL if self._num > 1 else signal.SIGTERM)
        del number

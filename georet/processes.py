"""Worker processes: started with a pipe to each, heard, and told how they ended."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any, Final

from georet.platforms import KILL

_PATIENCE_S: Final = 10.0
_open: dict[int, set[Child]] = {}
"""{this process: those that it started and did not close}; a fork has its parent's entry, too."""


class Ended(Exception):  # noqa: N818 - an outcome; whoever hears it makes the error
    """A worker process is gone, or its pipe is closed."""


class Child:
    """A process of its own at the other end of a pipe; it dies with this one.

    It runs ``target(pipe, *arguments)``, which may leave the errors of a closed pipe to the child.
    ``context`` is multiprocessing's; without one the process is spawned, and all must be picklable.
    Only one with ``has_children`` may start processes itself; then it must end when the pipe does.
    """

    def __init__(
        self,
        target: Callable[..., None],
        *arguments: object,
        name: str,
        context: Any = None,
        has_children: bool = False,
    ) -> None:
        context = context or multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        inherited = self._pipe if context.get_start_method() == "fork" else None
        self._process = context.Process(
            target=_run, args=(inherited, theirs, target, arguments), name=name
        )
        self._process.daemon = not has_children
        self._process.start()
        theirs.close()
        self._note()
        self._verdict: str | None = None
        self._heard_s = time.monotonic()

    @property
    def pid(self) -> int:
        """The process's number."""
        return int(self._process.pid)

    @property
    def silence_s(self) -> float:
        """Seconds since it last sent anything, or since it was started."""
        return time.monotonic() - self._heard_s

    @property
    def ending(self) -> str:
        """How it ended, in words that follow its name: ``was killed by SIGKILL``."""
        if self._verdict is not None:
            return self._verdict
        self._process.join(_PATIENCE_S)
        code = self._process.exitcode
        if code is None:
            return "no longer answers"
        if code >= 0:
            return f"ended (exit code {code})"
        names = {int(number): number.name for number in signal.Signals}
        return f"was killed by {names.get(-code, f'signal {-code}')}"

    @property
    def was_killed(self) -> bool:
        """Whether somebody else killed it, as the system does when memory runs out."""
        return self._verdict is None and self._process.exitcode == -KILL

    def send(self, message: object) -> None:
        """Send it a message; Ended where it is gone."""
        try:
            self._pipe.send(message)
        except OSError:
            raise Ended from None

    def hear(self, timeout_s: float | None = None) -> Any:
        """Return its next message; Ended where it is gone, TimeoutError where none came in time."""
        try:
            if self._pipe.poll(timeout_s):
                self._heard_s = time.monotonic()
                return self._pipe.recv()
        except (EOFError, OSError):
            raise Ended from None
        raise TimeoutError

    def kill(self, verdict: str | None = None) -> None:
        """Kill it; a ``verdict`` (``gave no sign for 600 s``) is then how it ended."""
        self._verdict = verdict or self._verdict
        self._process.kill()

    def _note(self) -> None:
        """See to it that this process, at its end, kills it rather than wait for it."""
        # After the first start, so that it comes before what multiprocessing does at the end.
        if os.getpid() not in _open:
            _open[os.getpid()] = set()
            atexit.register(_kill_left)
        _open[os.getpid()].add(self)

    def close(self, patience_s: float = 0.0) -> None:
        """Give it so long to end by itself, then kill it; nothing can be sent afterwards."""
        self._process.join(patience_s)
        self._process.kill()
        self._process.join()
        self._pipe.close()
        _open.get(os.getpid(), set()).discard(self)


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ready(
    children: Sequence[Child], timeout_s: float, *, alarm: Connection | None = None
) -> list[Child]:
    """Return those that have sent something or are gone; wait at most so long for the first.

    The wait ends as well when something can be read from ``alarm``.
    """
    of = {child._pipe: child for child in children}
    pipes = [*of, *([] if alarm is None else [alarm])]
    return [of[pipe] for pipe in connection.wait(pipes, timeout_s) if pipe in of]


def close_all(children: Iterable[Child]) -> None:
    """Kill all, and only then wait for each."""
    listed = list(children)
    for child in listed:
        child.kill()
    for child in listed:
        child.close()


def _kill_left() -> None:
    close_all(_open.pop(os.getpid(), ()))


def _run(
    parents_end: Connection | None,
    pipe: Connection,
    target: Callable[..., None],
    arguments: tuple[object, ...],
) -> None:
    if parents_end is not None:
        # A copy of the other end here would keep the pipe open when the main process is gone.
        parents_end.close()
    try:
        target(pipe, *arguments)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the main process is gone, or has closed the pipe

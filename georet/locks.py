"""One writer: a folder that a living process writes into is refused to others, by its name.

The lock is the operating system's, so that it ends with the process whatever ended that, and no
clock is asked. Who holds it stands beside it, for the message alone: a moment later than the lock,
and after a kill still there.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from georet.errors import DataError, UsageError
from georet.files import write_json
from georet.platforms import is_alive

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK: Final = ".lock"
HOLDER: Final = ".lock.json"
_PATIENCE_S: Final = 2.0
"""Seconds that a process gets to say its name, or to be gone."""
_POLL_S: Final = 0.01


@contextmanager
def only_writer(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder while entered; UsageError names the process that holds it.

    ``doing`` says what is being done, for the message that others get. The folder is made if it
    isn't there. DataError where no lock can be made.
    """
    lock = _locked(folder)
    try:
        write_json(folder / HOLDER, _self(doing))
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink()
        with suppress(OSError):
            # Where nothing came of it, nothing stays; still under the lock, so that it is ours.
            if [path.name for path in folder.iterdir()] == [LOCK]:
                (folder / LOCK).unlink()
                folder.rmdir()
        lock.release()


def _self(doing: str) -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"host": socket.gethostname(), "pid": os.getpid(), "since": since, "doing": doing}


def _locked(folder: Path) -> BaseFileLock:
    """Return the folder's lock, held; UsageError once whoever else holds it has said its name."""
    from filelock import FileLock, Timeout

    def take() -> BaseFileLock:
        lock = FileLock(folder / LOCK, mode=0o644, thread_local=False)
        lock.acquire(timeout=0, poll_interval=_POLL_S)
        return lock

    started = time.monotonic()
    while True:
        is_late = time.monotonic() - started > _PATIENCE_S
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = take()
        except Timeout:
            if (who := _holder(folder, is_late=is_late)) is not None:
                raise UsageError(
                    f"is being written by {who}",
                    where=str(folder),
                    hint="Wait until it has ended, or end it; the lock ends with the process.",
                ) from None
        except (OSError, NotImplementedError) as error:
            # Its last writer removes a folder in which nothing came of a start.
            is_gone = isinstance(error, FileExistsError | FileNotFoundError)
            is_gone &= folder.is_dir() or not folder.exists()
            if is_late or not is_gone:
                reason = getattr(error, "strerror", None) or str(error)
                raise DataError(f"can't be locked: {reason}", where=str(folder)) from error
        else:
            # Late: on a file system whose locks hold nobody off.
            if is_late or _is_in_place(take):
                return lock
            lock.release()
        time.sleep(_POLL_S)


def _is_in_place(take: Callable[[], BaseFileLock]) -> bool:
    """Whether a lock that was taken is held against others.

    It isn't where its last writer removed the file after it was opened and before it was locked.
    """
    from filelock import Timeout

    try:
        take().release()
    except Timeout:
        return True
    except OSError:
        return False
    return False


def _holder(folder: Path, *, is_late: bool) -> str | None:
    """Say who holds the folder; None where it may say so in a moment, unless it had its time."""
    unnamed = "another process, which has just begun"
    try:
        text = (folder / HOLDER).read_bytes()
    except OSError:
        return unnamed if is_late else None
    try:
        found = json.loads(text)
        pid, host = int(found["pid"]), found["host"]
        who = f"process {pid} on {host}, {found['doing']} since {found['since']}"
        # The name of one that was killed is left; numbers of another container mean nothing here.
        is_stale = host == socket.gethostname() and not is_alive(pid)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return unnamed
    return None if is_stale and not is_late else who

"""One writer: a folder that a living process writes into is refused to others, by its name.

The lock is the operating system's, so that it ends with the process whatever ended that, and no
clock is asked. Who holds it stands beside it, for the message alone.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from georet.errors import DataError, GeoretError, UsageError
from georet.files import read_object, write_json

LOCK: Final = ".lock"
HOLDER: Final = ".lock.json"


@contextmanager
def only_writer(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder while entered; UsageError names the process that holds it.

    ``doing`` says what is being done, for the message that others get. The folder is made if it
    isn't there. DataError where no lock can be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, mode=0o644, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0, poll_interval=0.01)
    except Timeout:
        raise _refused(folder) from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"can't be locked: {reason}", where=str(folder)) from error
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


def _refused(folder: Path) -> UsageError:
    try:
        found = read_object(folder / HOLDER)
        who = f"process {int(found['pid'])} on {found['host']}, "
        who += f"{found['doing']} since {found['since']}"
    except (GeoretError, KeyError, TypeError, ValueError):
        who = "another process, which has just begun"
    return UsageError(
        f"is being written by {who}",
        where=str(folder),
        hint="Wait until it has ended, or end it; the lock ends with the process.",
    )

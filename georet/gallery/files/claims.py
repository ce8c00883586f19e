"""Claims on pieces of work, so that two processes don't do the same at once.

A claim is a small file that names its holder. It spares work and is not what correctness rests on:
what two processes write by mistake is the same, and each writes it whole. Whether a holder on this
machine lives, the system says. One on another machine shows it by touching its claims every
``BEAT_S``; no clock is compared, since clocks are set back: a claim counts as left when it was
watched for ``LEFT_S`` without a touch.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from georet.errors import DataError
from georet.files import beside
from georet.platforms import is_alive

BEAT_S: Final = 1.0
LEFT_S: Final = 4.0
"""Seconds without a touch, as this process saw them pass, after which a claim counts as left."""
SAID_S: Final = 2.0
"""Seconds of waiting after which it is said for whom."""
_POLL_S: Final = 0.05
_MOST_BYTES: Final = 4096

_seen: dict[Path, tuple[tuple[int, ...], float]] = {}
"""Claims of others as they were when last seen changed, and since when, by the monotonic clock."""


class _Heart:
    """Touches the claims that this process holds, from a thread of its own."""

    def __init__(self) -> None:
        self._held: set[Path] = set()
        self._guard = threading.Lock()
        self._pid = 0

    def add(self, path: Path) -> None:
        with self._guard:
            if self._pid != os.getpid():  # a forked process has its parent's set, and no thread
                self._held, self._pid = set(), os.getpid()
                threading.Thread(target=self._beat, args=(self._pid,), daemon=True).start()
            self._held.add(path)

    def drop(self, path: Path) -> None:
        with self._guard:
            self._held.discard(path)

    def _beat(self, pid: int) -> None:
        while os.getpid() == pid:
            time.sleep(BEAT_S)
            with self._guard:
                held = list(self._held)
            for path in held:
                with suppress(OSError):
                    os.utime(path)


_heart = _Heart()


def try_claim(path: Path) -> bool:
    """Claim ``path`` for this process; False while a living process holds it.

    DataError where no claim can be written.
    """
    temporary = beside(path)
    try:
        temporary.write_text(json.dumps(_self()))
        for _ in range(2):
            try:
                # A link appears whole or not at all, and never over another claim.
                _link(temporary, path)
            except FileExistsError:
                if is_held(path):
                    return False
                _remove(path)
                continue
            _heart.add(path)
            return True
    except OSError as error:
        raise DataError(f"can't be written: {error.strerror}", where=str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return False


def release(path: Path) -> None:
    """Give a claim back."""
    _heart.drop(path)
    with suppress(OSError):
        path.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Whether a living process holds the claim; what is no claim counts as left after a while."""
    try:
        about = path.lstat()
    except OSError:
        return False
    if stat.S_ISLNK(about.st_mode):
        return False
    if not stat.S_ISREG(about.st_mode):
        raise DataError(
            "is no file, and stands where a claim would",
            where=str(path),
            hint="Remove it; a claim is a small file that georet makes and removes.",
        )
    holder = _holder(path)
    if holder is not None and holder["host"] == socket.gethostname():
        _seen.pop(path, None)
        return is_alive(holder["pid"]) and _born(holder["pid"]) == holder["born"]
    sign = (about.st_ino, about.st_mtime_ns, about.st_size)
    before, since = _seen.get(path, ((), 0.0))
    if before != sign:
        _seen[path] = sign, time.monotonic()
        return True
    return time.monotonic() - since < LEFT_S


def holder_in_words(path: Path) -> str:
    """Say who holds a claim, for messages."""
    holder = _holder(path)
    if holder is None:
        return "a process that is not named"
    return f"process {holder['pid']} on {holder['host']}"


@contextmanager
def waiting_claim(path: Path, say: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold a claim while entered, waiting for whoever has it; ``say`` is told of a long wait."""
    started, is_said = time.monotonic(), False
    while not try_claim(path):
        if not is_said and time.monotonic() - started > SAID_S:
            say(f"waiting for {holder_in_words(path)}, which holds {path}")
            is_said = True
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        release(path)


def _self() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid())}


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with path.open("xb") as stream:
            stream.write(temporary.read_bytes())


def _remove(path: Path) -> None:
    _seen.pop(path, None)
    path.unlink(missing_ok=True)


def _holder(path: Path) -> dict[str, Any] | None:
    """Return host, pid and birth of who made the claim; None for what is no claim."""
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(_MOST_BYTES))
        host, pid, born = found["host"], found["pid"], found["born"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    is_pid = isinstance(pid, int) and not isinstance(pid, bool) and 0 < pid < 2**31
    if not (isinstance(host, str) and is_pid and isinstance(born, str)):
        return None
    return {"host": host, "pid": pid, "born": born}


def _born(pid: int) -> str:
    """Return when a process started, where Linux says so: a number alone may be used again."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *fields = text.rpartition(")")[2].split()
    return "ended" if state in "ZX" else fields[18]

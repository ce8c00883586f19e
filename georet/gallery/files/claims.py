"""Claims on pieces of work, so that two processes don't do the same at once.

A claim is a file made with O_EXCL. It spares work and is not what correctness rests on: what two
processes write by mistake is the same, and each writes it whole.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from georet.errors import DataError

STALE_S: Final = 600.0
"""Seconds without a sign of life after which a claim from another machine counts as left."""
_POLL_S: Final = 0.05


def try_claim(path: Path) -> bool:
    """Claim ``path`` for this process; False while a living process holds it."""
    for _ in range(2):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            if is_held(path):
                return False
            path.unlink(missing_ok=True)
            continue
        except OSError as error:
            raise DataError(f"can't be written: {error.strerror}", where=str(path)) from error
        with os.fdopen(handle, "w") as stream:
            json.dump({"host": socket.gethostname(), "pid": os.getpid(), "born": _born()}, stream)
        return True
    return False


def renew(path: Path) -> None:
    """Show that the holder of a claim is alive."""
    if path.exists():
        os.utime(path)


def release(path: Path) -> None:
    """Give a claim back."""
    path.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Whether a living process holds the claim: certain on this machine, else by its last sign."""
    try:
        age_s = time.time() - path.stat().st_mtime
        holder = json.loads(path.read_text())
        host, pid, born = holder["host"], int(holder["pid"]), holder["born"]
    except FileNotFoundError:
        return False
    except (ValueError, TypeError, KeyError):
        # Just made and not yet written, or of a process that died between the two.
        return age_s < 2.0
    if host != socket.gethostname():
        return age_s < STALE_S
    return _is_alive(pid) and _born(pid) == born


@contextmanager
def waiting_claim(path: Path) -> Iterator[None]:
    """Hold a claim while entered, waiting for whoever has it."""
    while not try_claim(path):
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        release(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _born(pid: int | None = None) -> str:
    """Return when a process started, where Linux says so: a number alone may be used again."""
    try:
        stat = Path(f"/proc/{pid or os.getpid()}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "ended" if state in "ZX" else fields[18]

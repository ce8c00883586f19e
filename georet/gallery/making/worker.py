"""The far side of a pool: a process with a session, making the shards which come by its pipe."""

from __future__ import annotations

import threading
from contextlib import closing
from multiprocessing.connection import Connection
from typing import Any, Final

import cv2

from georet.errors import IntegrityError, portable
from georet.gallery.files.plan import load_plan
from georet.gallery.making.maker import ShardMaker
from georet.gallery.making.shards import Work
from georet.interrupt import leave_signals_to_parent

TILES: Final = "tiles"
"""(TILES, number) is sent after each batch, and while tiles are waited for."""
DONE: Final = "done"
"""(DONE, (shard, whether it was made here, waits since the last)) ends each shard."""
FAILED: Final = "failed"
"""(FAILED, error) is sent last."""


class _Sent:
    """A supply of the shards that the pipe brings; many may be there before one is done."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._read = pipe, list[int]()

    def next(self) -> int | None:
        """Return the next shard that has come, or None."""
        if not self._read and self._pipe.poll():
            self._read.append(self._pipe.recv())
        return self._read.pop(0) if self._read else None

    def wait(self) -> bool:
        """Wait for a shard; the closed pipe raises EOFError."""
        if not self._read:
            self._read.append(self._pipe.recv())
        return True


def serve(pipe: Connection, work: Work) -> None:
    """Make the shards that come through the pipe, until it closes."""
    leave_signals_to_parent()
    cv2.setNumThreads(1)
    turn = threading.Lock()

    def send(*message: Any) -> None:
        with turn:  # the thread that writes shards speaks as well
            pipe.send(message)

    try:
        plan = load_plan(work.folder)
        if plan is None:
            raise IntegrityError("lost its plan while it was built", where=str(work.folder))
        session = work.spec.open()
        with closing(ShardMaker(work, plan, session)) as maker:
            told = maker.waits()

            def made(shard: int, is_made: bool) -> None:
                nonlocal told
                before, told = told, maker.waits()
                send(DONE, (shard, is_made, told - before))

            maker.make(_Sent(pipe), lambda num: send(TILES, num), made)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        send(FAILED, portable(error, "a gallery worker"))

"""The far side of a pool: a process that makes the shards which come through its pipe."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Final

import cv2

from georet.errors import IntegrityError, portable
from georet.gallery.files.plan import load_plan
from georet.gallery.making.shards import ShardMaker, Work
from georet.interrupt import leave_signals_to_parent

TILES: Final = "tiles"
"""(TILES, number) is sent after each batch."""
DONE: Final = "done"
"""(DONE, [shard]) or (DONE, []) is sent when a shard was made, or was found to be another's."""
FAILED: Final = "failed"
"""(FAILED, error) is sent last."""


def serve(pipe: Connection, work: Work) -> None:
    """Make the shards that come through the pipe, until it closes."""
    leave_signals_to_parent()
    cv2.setNumThreads(1)
    try:
        plan = load_plan(work.folder)
        if plan is None:
            raise IntegrityError("lost its plan while it was built", where=str(work.folder))
        maker = ShardMaker(work, plan, work.spec.open())
        while True:
            shard = pipe.recv()
            is_made = maker.make(shard, lambda num: pipe.send((TILES, num)))
            pipe.send((DONE, [shard] if is_made else []))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        pipe.send((FAILED, portable(error, "a gallery worker")))

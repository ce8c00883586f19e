"""Resumes a run in a process of its own; ``test_resume`` runs this file by its path.

The process gets no function of a test module, since those can't be imported by name from an
installed georet's tests. ``RUN_DIR``, ``PLUGINS`` and ``DEATHS`` are put in by the caller; with
``DEATHS`` the process dies at that many-th sync to disk.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import georet.files
from georet.commands.training import resume_run
from georet.plugins import Selection

GIVEN = globals()


def die_at_sync(deaths: int) -> None:
    real, count = georet.files.sync, iter(range(1, deaths + 1))

    def sync(path: Path) -> None:
        if next(count) == deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        real(path)

    georet.files.sync = sync


if GIVEN["DEATHS"]:
    die_at_sync(GIVEN["DEATHS"])
resume_run(Path(GIVEN["RUN_DIR"]), selection=Selection.of(GIVEN["PLUGINS"]))

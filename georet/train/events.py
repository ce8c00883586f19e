"""What happened in a run: ``events.jsonl`` without times, ``timing.jsonl`` with them, TensorBoard.

Events hold nothing that depends on the clock, so that a resumed run writes the same bytes as an
undisturbed one: a checkpoint remembers how far the file went, and a resume cuts it there.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from georet.errors import DataError
from georet.run_layout import EVENTS, TIMING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class EventLog:
    """Appends JSON lines to a run's event file, from ``offset`` bytes on."""

    def __init__(self, run_dir: Path, *, offset: int = 0, step: int = 0) -> None:
        self._path = run_dir / EVENTS
        self._path.touch()
        if self._path.stat().st_size < offset:
            raise DataError(
                f"is shorter than the checkpoint says ({offset} bytes)", where=str(self._path)
            )
        os.truncate(self._path, offset)
        self._stream = self._path.open("ab")
        self._timing = (run_dir / TIMING).open("a", encoding="utf-8")
        self._board = _tensorboard(run_dir, step)

    def write(self, event: str, **values: object) -> None:
        """Append one event; the values must be JSON."""
        line = json.dumps({"event": event, **values}, ensure_ascii=False) + "\n"
        self._stream.write(line.encode())
        self._stream.flush()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Send scalars to TensorBoard, where it is installed."""
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def timing(self, stage: str, **values: object) -> None:
        """Append how long a stage took, in seconds; these lines are never compared."""
        self._timing.write(json.dumps({"stage": stage, **values}) + "\n")
        self._timing.flush()

    def offset(self) -> int:
        """Force the events to disk and return the file's length in bytes."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        return self._stream.tell()

    def close(self) -> None:
        """Close all files."""
        self._stream.close()
        self._timing.close()
        if self._board is not None:
            self._board.close()


def read_events(run_dir: Path) -> list[dict[str, object]]:
    """Return a run's events; a last line torn by a kill is left out."""
    path = run_dir / EVENTS
    if not path.is_file():
        raise DataError("no such file", where=str(path))
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def _tensorboard(run_dir: Path, step: int) -> SummaryWriter | None:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(run_dir / "tensorboard"), purge_step=step or None)

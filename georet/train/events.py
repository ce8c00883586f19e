"""What happened in a run: ``events.jsonl`` without times, ``timing.jsonl`` with them, TensorBoard.

Events hold nothing that depends on the clock, so that a resumed run writes the same bytes as an
undisturbed one: a checkpoint remembers how far the file went, and a resume cuts it there.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from georet.errors import DataError
from georet.files import unwritable
from georet.run_layout import EVENTS, TIMING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class EventLog:
    """Appends JSON lines to a run's event file, from ``offset`` bytes on."""

    def __init__(self, run_dir: Path, *, offset: int = 0, step: int = 0) -> None:
        self._path = run_dir / EVENTS
        with _writing(self._path):
            self._path.touch()
        if self._path.stat().st_size < offset:
            raise DataError(
                f"is shorter than the checkpoint says ({offset} bytes)", where=str(self._path)
            )
        with _writing(self._path):
            os.truncate(self._path, offset)
            # Unbuffered, so that what a full disk refused is not tried again at the end.
            self._stream = self._path.open("ab", buffering=0)
            self._timing = (run_dir / TIMING).open("ab", buffering=0)
        self._board = _tensorboard(run_dir, step)

    def write(self, event: str, **values: object) -> None:
        """Append one event; the values must be JSON."""
        line = json.dumps({"event": event, **values}, ensure_ascii=False) + "\n"
        with _writing(self._path):
            _write_all(self._stream, line.encode())

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Send scalars to TensorBoard, where it is installed."""
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def timing(self, stage: str, **values: object) -> None:
        """Append how long a stage took, in seconds; these lines are never compared."""
        with _writing(self._path.with_name(TIMING)):
            _write_all(self._timing, (json.dumps({"stage": stage, **values}) + "\n").encode())

    def offset(self) -> int:
        """Force the events to disk and return the file's length in bytes."""
        with _writing(self._path):
            os.fsync(self._stream.fileno())
            return self._stream.tell()

    def close(self) -> None:
        """Close all files."""
        self._stream.close()
        self._timing.close()
        if self._board is not None:
            self._board.close()


class NoEvents(EventLog):
    """Writes nothing: another process writes the run's events."""

    def __init__(self) -> None:
        """Open nothing."""

    def write(self, event: str, **values: object) -> None:
        """Do nothing."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Do nothing."""

    def timing(self, stage: str, **values: object) -> None:
        """Do nothing."""

    def offset(self) -> int:
        """Return 0."""
        return 0

    def close(self) -> None:
        """Do nothing."""


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise what the system says against writing as DataError that names the file."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def _write_all(stream: FileIO, content: bytes) -> None:
    while content:
        content = content[stream.write(content) :]


def read_events(run_dir: Path) -> list[dict[str, object]]:
    """Return a run's events; a last line torn by a kill is left out."""
    path = run_dir / EVENTS
    if not path.is_file():
        raise DataError("no such file", where=str(path))
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise DataError(f"holds what is no event: {error}", where=str(path)) from error


def _tensorboard(run_dir: Path, step: int) -> SummaryWriter | None:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(run_dir / "tensorboard"), purge_step=step or None)

"""Signs of life: each rank writes a small file every second, and each is watched by another one.

A process that was stopped or killed says nothing any more, and those who wait for it in a
collective would not know for whom. The first verdict stands: a file that only one can make.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from georet.errors import (
    DataError,
    GeoretError,
    IntegrityError,
    Interrupted,
    TrainingError,
    UsageError,
)
from georet.platforms import KILL
from georet.run_layout import CONFIG

PERIOD_S: Final = 1.0
GRACE_S: Final = 5.0
"""What a rank is given to end by itself, once it is known that all end."""
HANG_S: Final = 45.0
"""Ranks that have waited so long, and ten times as long as they themselves were at it, name the
one that they wait for."""
VERDICT: Final = "verdict.json"
RUN: Final = "run"
"""File that names the run's folder."""
_KINDS: Final = {
    kind.exit_code: kind for kind in (UsageError, DataError, IntegrityError, Interrupted)
}


@dataclass(frozen=True)
class Beat:
    """What a rank last said of itself; ``worked_s`` and ``waited_s`` are since it began that."""

    rank: int
    pid: int
    host: str
    count: int
    at: str
    waited_s: float | None
    """None where it works, and waits for nobody."""
    worked_s: float
    """How long it works, or worked before it began to wait."""
    is_done: bool = False


@dataclass(frozen=True)
class Verdict:
    """Why all ranks end: which one failed, where it was, and how."""

    rank: int
    pid: int
    host: str
    at: str
    what: str
    code: int = 1
    where: str | None = None
    hint: str | None = None
    is_silent: bool = False
    """Whether others say it of a rank that can't speak for itself, and may still be there."""

    def error(self, size: int, go_on: str, after_s: float | None = None) -> GeoretError:
        """Return it as an error that names the rank; ``go_on`` says how the run goes on.

        ``after_s`` is when all had ended, counted from the rank's last sign of life, where known.
        """
        kind = _KINDS.get(self.code, TrainingError)
        if self.code == Interrupted.exit_code:
            return Interrupted(self.what, where=self.where, hint=self.hint)
        who = f"rank {self.rank} of {size} (process {self.pid} on {self.host})"
        where = f" ({self.where})" if self.where else ""
        hint = f"{self.hint}\n  " if self.hint else ""
        what = f"{who} {self.what}{where}; it was at: {self.at}"
        ended = "" if after_s is None else f", {after_s:.1f} s after its last sign of life"
        return kind(what, hint=f"{hint}All ranks were ended{ended}. {go_on}")


class Pulse:
    """Beats for this rank in a thread of its own, and watches the next one."""

    def __init__(
        self,
        folder: Path,
        rank: int,
        size: int,
        *,
        silence_s: float,
        leave: Callable[[Verdict], None],
        go_on: str = "",
        parent: int | None = None,
    ) -> None:
        """``leave`` is called in the thread when a verdict stands and this process still runs.

        ``go_on`` says how the run goes on; ``parent`` is the process that ends this one with it.
        """
        self.go_on = go_on
        self.folder, self.rank, self.size = folder, rank, size
        self._silence_s, self._leave, self._parent = silence_s, leave, parent
        self._at, self._count = "start", 0
        self._began, self._waits_since, self._limit_s = time.monotonic(), 0.0, 0.0
        self._heard: dict[int, tuple[int, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="georet-pulse", daemon=True)
        folder.mkdir(parents=True, exist_ok=True)
        self._write()
        self._thread.start()

    def at(self, place: str) -> None:
        """Say what this rank does from now on."""
        self._at, self._began = place, time.monotonic()

    @contextmanager
    def waiting(self, limit_s: float = 0.0) -> Iterator[None]:
        """Say that this rank waits for others while inside.

        ``limit_s`` where it waits for work that one does alone, and shall not judge it before.
        """
        self._limit_s, self._waits_since = limit_s, time.monotonic()
        try:
            yield
        finally:
            self._waits_since, self._began = 0.0, time.monotonic()

    def end(self) -> None:
        """Say that this rank has done its part, and beat no more."""
        self._stop.set()
        self._thread.join()
        self._write(is_done=True)

    def condemn(self, verdict: Verdict) -> Verdict:
        """Make it the verdict, unless there is one; return the one that stands."""
        write_verdict(self.folder, verdict)
        return verdict_in(self.folder) or verdict

    def own(self, what: str, **more: Any) -> Verdict:
        """Return a verdict on this rank itself."""
        return Verdict(self.rank, os.getpid(), socket.gethostname(), self._at, what, **more)

    def _run(self) -> None:
        own_end: float | None = None
        while not self._stop.wait(PERIOD_S):
            self._count += 1
            with suppress(OSError):
                self._write()
            if self._parent is not None and os.getppid() != self._parent:
                # Whoever started the ranks is gone; end as if asked to.
                self._parent = None
                os.kill(os.getpid(), signal.SIGTERM)
            found = verdict_in(self.folder)
            if found is None:
                found = self._judged()
            if found is not None:
                if own_end is None:
                    own_end = time.monotonic()
                    self._end(found)
                if time.monotonic() - own_end > GRACE_S:
                    self._leave(found)

    def _end(self, found: Verdict) -> None:
        """Kill a rank of this machine that is stopped or hangs, so that nobody waits for it."""
        beat = beat_of(self.folder, found.rank)
        is_near = beat is not None and (beat.pid, beat.host) == (found.pid, socket.gethostname())
        if found.is_silent and is_near and found.rank != self.rank:
            with suppress(OSError):
                os.kill(found.pid, KILL)

    def _judged(self) -> Verdict | None:
        """Return the verdict on the next rank, or on whom this one has waited for too long."""
        following = ((self.rank + step) % self.size for step in range(1, self.size))
        beats = (beat_of(self.folder, rank) for rank in following)
        watched = next((beat for beat in beats if beat is None or not beat.is_done), None)
        if watched is not None:
            count, silent = self._heard.get(watched.rank, (-1, 0))
            # Counted in beats of one's own: after a stop of all, nobody has missed any.
            silent = silent + 1 if watched.count == count else 0
            self._heard[watched.rank] = watched.count, silent
            if silent * PERIOD_S >= self._silence_s:
                what = f"gave no sign of life for {self._silence_s:g} s"
                return self.condemn(_on(watched, what))
        return self._overdue()

    def _overdue(self) -> Verdict | None:
        since = self._waits_since
        if not since or self._limit_s:
            return None
        waited_s, worked_s = time.monotonic() - since, since - self._began
        if waited_s < max(HANG_S, 10 * worked_s):
            return None
        for beat in beats_in(self.folder, self.size):
            if beat.waited_s is None and not beat.is_done and beat.rank != self.rank:
                what = f"kept the others waiting for {waited_s:.0f} s"
                return self.condemn(_on(beat, what))
        return None

    def _write(self, *, is_done: bool = False) -> None:
        now, waits = time.monotonic(), self._waits_since
        beat = Beat(
            self.rank,
            os.getpid(),
            socket.gethostname(),
            self._count,
            self._at,
            now - waits if waits else None,
            (waits or now) - self._began,
            is_done,
        )
        path = self.folder / f"rank-{self.rank}.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(beat)))
        temporary.replace(path)


def beat_of(folder: Path, rank: int) -> Beat | None:
    """Return what a rank last said, None where it has said nothing."""
    found = _read(folder / f"rank-{rank}.json")
    return None if found is None else Beat(**found)


def since_beat_s(folder: Path, rank: int) -> float | None:
    """Return how many seconds ago a rank last said something, None where it has said nothing."""
    try:
        return max(0.0, time.time() - (folder / f"rank-{rank}.json").stat().st_mtime)
    except OSError:
        return None


def beats_in(folder: Path, size: int) -> list[Beat]:
    """Return what all ranks last said."""
    found = (beat_of(folder, rank) for rank in range(size))
    return [beat for beat in found if beat is not None]


def verdict_in(folder: Path) -> Verdict | None:
    """Return why all end, None while nothing is known."""
    found = _read(folder / VERDICT)
    return None if found is None else Verdict(**found)


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Write why all end, unless somebody has written it already."""
    temporary = folder / f"verdict-{os.getpid()}.{threading.get_ident()}"
    temporary.write_text(json.dumps(asdict(verdict)))
    with suppress(FileExistsError):
        os.link(temporary, folder / VERDICT)
    temporary.unlink()


def clear(folder: Path, run_dir: Path | None) -> None:
    """Take away what ranks of an earlier start have said, and say which run it is.

    None where nothing is written that could go on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*"):
        path.unlink()
    (folder / RUN).write_text("" if run_dir is None else str(run_dir))


def go_on_with(folder: Path) -> str:
    """Return how the run goes on whose ranks have failed."""
    path = folder / RUN
    run = path.read_text() if path.is_file() else "RUN"
    if not run:
        return "Nothing was changed: call the same command again."
    if path.is_file() and not (Path(run) / CONFIG).is_file():
        return "Nothing was saved: start again with the same command."
    return f"What is saved goes on, with any number of ranks: georet train --resume {run}"


def _on(beat: Beat, what: str) -> Verdict:
    return Verdict(beat.rank, beat.pid, beat.host, beat.at, what, is_silent=True)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None

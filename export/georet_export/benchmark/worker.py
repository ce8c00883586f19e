"""A process of its own for each contender, so that memory and threads are nobody else's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from georet.embeddings import embed
from georet.errors import DataError, GeoretError
from georet.identity import EncoderIdentity
from georet.platforms import peak_bytes
from georet.processes import Child, Ended
from georet.sessions import SessionSpec
from georet.types import Doubles, Floats

_PATIENCE_S = 10.0
_WARMUP = 2
_CHUNK = 64


@dataclass(frozen=True)
class Opened:
    """What a worker says when its session is open; memory in bytes, time in seconds.

    ``bare_memory`` is the process's before it opened the session.
    """

    identity: EncoderIdentity
    max_batch: int | None
    bare_memory: int
    open_s: float


class Worker:
    """Drives one contender in its own process; any georet error there is raised here."""

    def __init__(self, spec: SessionSpec, images_path: Path) -> None:
        self._child = Child(serve, spec, images_path, name="georet-benchmark")
        self.opened: Opened = self._answer()

    def time(self, batch: int, seconds: float) -> Doubles:
        """Embed the first images for so long; return wall and CPU seconds float64[2, calls]."""
        found: Doubles = self._ask("time", batch, seconds)
        return found

    def peak_memory(self) -> int:
        """Return the most memory in bytes that the process has held."""
        return int(self._ask("peak_memory"))

    def embed(self, view: str, images_path: Path) -> Floats:
        """Return the embeddings float32[N, D] of the images of a view in a ``.npy`` file."""
        found: Floats = self._ask("embed", view, images_path)
        return found

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(Ended):
            self._child.send(None)
        self._child.close(_PATIENCE_S)

    def _ask(self, name: str, *arguments: object) -> Any:
        with contextlib.suppress(Ended):
            self._child.send((name, *arguments))
        return self._answer()

    def _answer(self) -> Any:
        try:
            answer = self._child.hear()
        except Ended as error:
            raise DataError(
                f"the process that measured {self._child.ending}",
                hint="Out of memory? Try --batch 1.",
            ) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer


def serve(pipe: Connection, spec: SessionSpec, images_path: Path) -> None:
    """Open the session and answer until the other side says None or goes away."""
    try:
        bare, begun = peak_memory(), time.perf_counter()
        session = spec.open()
        opened = Opened(session.identity, session.max_batch, bare, time.perf_counter() - begun)
        images = np.load(images_path)
        pipe.send(opened)
        answers: dict[str, Callable[..., Any]] = {
            "time": lambda batch, seconds: _time(session.embed, images[:batch], seconds),
            "peak_memory": peak_memory,
            "embed": lambda view, path: _embed(spec, view, path),
        }
        while (asked := pipe.recv()) is not None:
            name, *arguments = asked
            pipe.send(answers[name](*arguments))
    except KeyboardInterrupt:
        return
    except GeoretError as error:
        pipe.send(error)


def peak_memory() -> int:
    """Return the most memory in bytes that this process has held so far; 0 where nobody says."""
    return peak_bytes() or 0


def _time(run: Callable[[Any], Any], images: Any, seconds: float) -> Doubles:
    if seconds <= 0:
        for _ in range(_WARMUP):
            run(images)
        return np.empty((2, 0))
    walls, cpus = [], []
    end = time.perf_counter() + seconds
    while True:
        wall, cpu = time.perf_counter(), time.process_time()
        run(images)
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
        if time.perf_counter() >= end:
            return np.array([walls, cpus])


def _embed(spec: SessionSpec, view: str, images_path: Path) -> Floats:
    images = np.load(images_path, mmap_mode="r")
    session = replace(spec, view=view).open()
    try:
        starts = range(0, len(images), _CHUNK)
        return np.concatenate([embed(session, np.array(images[i : i + _CHUNK])) for i in starts])
    finally:
        session.close()

"""Processes that fill batches together: slots go round among them, from one batch to the next.

Not torch's DataLoader: there a killed worker raises from a signal handler in the middle of a
training step, and nobody can say at which file. Here a closed pipe tells at once, each worker
notes what it is at, and a batch is ready as soon as all workers together have filled it.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple, TypeVar

import cv2
import numpy as np

from georet.data.samples import Filled, Filler, Job
from georet.errors import DataError, portable
from georet.interrupt import leave_signals_to_parent
from georet.processes import Child, Ended, close_all
from georet.types import Pixels

T = TypeVar("T")
Reply = tuple[list[Filled], tuple[int, Exception] | None]
"""What a worker filled of its slots, in order, and the slot and error at which it stopped."""
_AHEAD: Final = 3
"""Batches that are filled at once: who is done with its slots of one goes on to the next."""
_IDLE: Final = -1


class _Sent(NamedTuple):
    """A job, the buffer that it fills, and how many slots were given out before it."""

    job: Job
    buffer: int
    num_before: int

    def slots(self, worker: int, num_workers: int) -> range:
        """Return a worker's slots; the next batch goes on with the worker after the last one's.

        If each batch began anew, the last workers would have less to do where the batch is no
        multiple of their number, and the others would be waited for.
        """
        return range((worker - self.num_before) % num_workers, len(self.job.rows), num_workers)


class WorkerPool:
    """Fills batches of at most ``capacity`` slots in processes that live until ``close``.

    A worker that dies, or that spends ``timeout_s`` on one slot, ends the pool with a DataError
    that names the files it was at. Linux forks, so that transforms need not be picklable.
    """

    def __init__(
        self, filler: Filler, *, capacity: int, num_workers: int, timeout_s: float = 120.0
    ) -> None:
        self.capacity, self.closed = capacity, False
        self._filler, self._timeout_s = filler, timeout_s
        self._pending: deque[_Sent] = deque()
        self._num_sent = 0
        context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        slot_bytes = sum(height * width * 3 for height, width in filler.sizes.values())
        shared = [context.RawArray(ctypes.c_uint8, capacity * slot_bytes) for _ in range(_AHEAD)]
        self._shared = shared
        self._at = context.RawArray(ctypes.c_int64, [_IDLE] * (2 * num_workers))
        atexit.register(self.close)
        self._children: list[Child] = []
        for worker in range(num_workers):
            given = filler, shared, self._at, worker, num_workers
            name = f"georet-loader-{worker}"
            self._children.append(Child(_work, *given, name=name, context=context))

    @property
    def is_usable(self) -> bool:
        """Whether it is open and idle; a run that was left before its end keeps it busy."""
        return not self.closed and not self._pending

    def run(
        self, jobs: Iterable[Job], take: Callable[[Job, Mapping[str, Pixels]], T]
    ) -> Iterator[tuple[Job, T, list[Filled]]]:
        """Yield (job, what ``take`` made of {view: uint8[B, H, W, 3]}, each slot's) in order.

        ``take`` must copy: the arrays are filled again as soon as it returns. The error of the
        lowest slot that raised one is raised here.
        """
        numbered = enumerate(jobs)
        for number, job in islice(numbered, _AHEAD):
            self._send(job, number % _AHEAD)
        while self._pending:
            (job, buffer, _), slots = self._collect()
            images = _as_images(self._shared[buffer], self._filler.sizes_of(job), len(job.rows))
            taken = take(job, images)
            for number, following in islice(numbered, 1):
                self._send(following, number % _AHEAD)
            yield job, taken, slots

    def close(self) -> None:
        """End the processes; the pool can't be used afterwards."""
        self.closed = True
        atexit.unregister(self.close)
        self._pending.clear()
        close_all(self._children)  # they only read files: nothing is left half done

    def _send(self, job: Job, buffer: int) -> None:
        sent = _Sent(job, buffer, self._num_sent)
        self._num_sent += len(job.rows)
        self._pending.append(sent)
        for worker, child in enumerate(self._children):
            try:
                child.send(sent)
            except Ended:
                raise self._fail(worker, child.ending) from None

    def _collect(self) -> tuple[_Sent, list[Filled]]:
        sent, num = self._pending[0], len(self._children)
        slots: list[Filled] = [Filled({}, {})] * len(sent.job.rows)
        failures: list[tuple[int, Exception]] = []
        try:
            for worker in range(num):
                filled, failure = self._reply(worker)
                for slot, one in zip(sent.slots(worker, num), filled, strict=False):
                    slots[slot] = one
                failures += [failure] if failure else []
        except BaseException:
            self.close()
            raise
        if failures:
            self.close()
            raise min(failures, key=lambda failure: failure[0])[1]
        self._pending.popleft()
        return sent, slots

    def _reply(self, worker: int) -> Reply:
        child = self._children[worker]
        while True:
            at = self._at[2 * worker : 2 * worker + 2]
            try:
                reply: Reply = child.hear(self._timeout_s)
            except Ended:
                raise self._fail(worker, child.ending) from None
            except TimeoutError:
                if at == self._at[2 * worker : 2 * worker + 2]:
                    what = f"spent more than {self._timeout_s:g} s"
                    raise self._fail(worker, what) from None
            else:
                return reply

    def _fail(self, worker: int, what: str) -> DataError:
        """Return the error for a worker that is dead or hangs, naming the files it was at."""
        step, slot = self._at[2 * worker : 2 * worker + 2]
        job = next((sent.job for sent in self._pending if sent.job.step == step), None)
        files = self._filler.files(job, slot) if job and slot != _IDLE else []
        steps = ", ".join(str(sent.job.step) for sent in self._pending)
        self.close()
        return DataError(
            f"loader worker {worker} {what} at {' and '.join(map(str, files))}"
            if files
            else f"loader worker {worker} {what} between images",
            where=f"batch of step {step if files else steps}",
            hint="out of memory: lower data.workers or train.batch_size; on one image only: "
            "remove it; data.workers 0 loads in the main process",
        )


def _as_images(shared: Any, sizes: Mapping[str, tuple[int, int]], num: int) -> dict[str, Pixels]:
    """Return views {view: uint8[num, H, W, 3]} of one shared buffer."""
    flat, start, images = np.frombuffer(shared, dtype=np.uint8), 0, {}
    for view, (height, width) in sizes.items():
        stop = start + num * height * width * 3
        images[view] = flat[start:stop].reshape(num, height, width, 3)
        start = stop
    return images


def _work(
    pipe: Connection,
    filler: Filler,
    shared: list[Any],
    at: Any,
    worker: int,
    num_workers: int,
) -> None:
    cv2.setNumThreads(0)
    leave_signals_to_parent()
    while True:
        sent: _Sent = pipe.recv()
        job, buffer, _ = sent
        images = _as_images(shared[buffer], filler.sizes_of(job), len(job.rows))
        filled: list[Filled] = []
        failure: tuple[int, Exception] | None = None
        for slot in sent.slots(worker, num_workers):
            at[2 * worker : 2 * worker + 2] = job.step, slot
            try:
                filled.append(filler.fill(job, slot, images))
            except Exception as error:
                failure = slot, portable(error, "a loader worker")
                break
        at[2 * worker + 1] = _IDLE
        pipe.send((filled, failure))

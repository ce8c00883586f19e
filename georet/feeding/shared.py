"""Memory that several processes see, and that nobody has to remove: it ends with its last user."""

from __future__ import annotations

import errno
import mmap
import os
from multiprocessing import get_context, reduction
from typing import Any

import numpy as np

from georet.types import Pixels


class SharedBytes:
    """So many bytes, zero at first; passed to a process when it is started.

    On Linux not in ``/dev/shm``, which containers keep small and where writing beyond its end
    kills (SIGBUS): an anonymous file, all of whose pages are taken here. MemoryError where there
    are not so many.
    """

    def __init__(self, num_bytes: int) -> None:
        self._num_bytes = max(1, num_bytes)
        self._raw: Any = None
        if not hasattr(os, "memfd_create"):
            self._raw = get_context("spawn").RawArray("B", self._num_bytes)
            return
        self._fd = os.memfd_create("georet")
        try:
            os.posix_fallocate(self._fd, 0, self._num_bytes)
            self._map = mmap.mmap(self._fd, self._num_bytes)
        except OSError as error:
            os.close(self._fd)
            if error.errno not in (errno.ENOSPC, errno.ENOMEM, errno.EFBIG):
                raise
            raise MemoryError from error

    @property
    def array(self) -> Pixels:
        """The bytes, uint8[N]; as long as it is used the memory stays."""
        return np.frombuffer(self._map if self._raw is None else self._raw, dtype=np.uint8)

    def close(self) -> None:
        """Give it to no further process; the memory goes with the last array of it."""
        if self._raw is None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __reduce__(self) -> tuple[Any, ...]:
        given = self._raw if self._raw is not None else reduction.DupFd(self._fd)
        return _received, (given, self._num_bytes)


def _received(given: Any, num_bytes: int) -> SharedBytes:
    """Return the same memory in the process that was started with it."""
    shared = SharedBytes.__new__(SharedBytes)
    shared._num_bytes, shared._raw = num_bytes, None
    if hasattr(given, "detach"):
        shared._fd = given.detach()
        shared._map = mmap.mmap(shared._fd, num_bytes)
    else:
        shared._raw = given
    return shared

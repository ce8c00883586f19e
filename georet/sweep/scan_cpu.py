"""Blocks on the CPU: torch's BLAS multiplies, compiled threads without interpreter lock count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import torch
from numba import config

from georet.sweep.blocks import Block, scan
from georet.sweep.exact import Sides
from georet.sweep.tensors import tensor_of
from georet.sweep.work import Work
from georet.types import Floats


class CpuScanner:
    """Scans blocks of up to ``block_size`` scores in one buffer."""

    def __init__(self, work: Work, block_size: int) -> None:
        self._work = work
        self._query, self._reference = tensor_of(work.query.rows), tensor_of(work.reference.rows)
        self.margin = work.margin(_product)
        self._buffer = torch.empty(block_size)
        self._num_threads = int(config.NUMBA_NUM_THREADS)
        self._threads = ThreadPoolExecutor(self._num_threads)
        self.load(slice(0, 0))

    def load(self, references: slice) -> None:
        """Make a chunk of references ready."""
        self._references = references
        self._scale = self._work.reference.scale(references)
        self._ignored = self._work.ignored_columns(references)

    def scan(self, queries: slice) -> None:
        """Multiply a chunk of queries with the references loaded, count and rank."""
        work, num_rows = self._work, queries.stop - queries.start
        block = Block(
            self._multiply(queries),
            work.query.scale(queries),
            self._scale,
            self._ignored,
            queries.start,
            self._references.start,
            self.margin,
        )
        ends = np.linspace(0, num_rows, self._num_threads + 1).astype(int).tolist()
        shares = [
            self._threads.submit(
                scan, block, Sides.of(work.query, work.reference), work.targets, work.best, *share
            )
            for share in pairwise(ends)
        ]
        for share in shares:
            share.result()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _multiply(self, queries: slice) -> Floats:
        shape = queries.stop - queries.start, self._references.stop - self._references.start
        out = self._buffer[: shape[0] * shape[1]].view(shape)
        torch.mm(self._query[queries], self._reference[self._references].T, out=out)
        product: Floats = out.numpy()
        return product


def _product(query: Floats, reference: Floats) -> Floats:
    product: Floats = torch.mm(tensor_of(query), tensor_of(reference).T).numpy()
    return product

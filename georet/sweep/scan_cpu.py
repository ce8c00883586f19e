"""Blocks on the CPU: torch's BLAS multiplies, compiled threads without interpreter lock count."""

from __future__ import annotations

import torch

from georet.sweep.blocks import Block, scan
from georet.sweep.exact import Sides
from georet.sweep.threads import Threads
from georet.sweep.vectors import tensor_of
from georet.sweep.work import Work
from georet.types import Floats


class CpuScanner:
    """Scans blocks of up to ``block_size`` scores in one buffer."""

    def __init__(self, work: Work, block_size: int) -> None:
        self._work = work
        self._query = tensor_of(work.query.rows)
        self._reference = tensor_of(work.reference.rows)
        self.margin = work.margin(_product)
        self._buffer = torch.empty(block_size)
        self._threads = Threads()
        self.load(slice(0, 0))

    def load(self, references: slice) -> None:
        """Make a chunk of references ready."""
        self._references = references
        self._scale = self._work.reference.scale(references)
        self._ignored = self._work.ignored_columns(references)

    def scan(self, queries: slice) -> None:
        """Multiply a chunk of queries with the references loaded, count and rank."""
        work, num_rows = self._work, queries.stop - queries.start
        shape = queries.stop - queries.start, self._references.stop - self._references.start
        out = self._buffer[: shape[0] * shape[1]].view(shape)
        torch.mm(self._query[queries], self._reference[self._references].T, out=out)
        product: Floats = out.numpy()
        block = Block(
            product,
            work.is_scaled,
            work.query.scale(queries),
            self._scale,
            self._ignored,
            queries.start,
            self._references.start,
            self.margin,
        )

        def scan_rows(first: int, end: int) -> None:
            scan(block, Sides.of(work.query, work.reference), work.targets, work.best, first, end)

        self._threads.share(num_rows, scan_rows)

    def close(self) -> None:
        """End the threads."""
        self._threads.close()


def _product(query: Floats, reference: Floats) -> Floats:
    product: Floats = torch.mm(tensor_of(query), tensor_of(reference).T).numpy()
    return product

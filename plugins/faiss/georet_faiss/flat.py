"""The index ``faiss_flat``: every row is scored by faiss, on the GPU where there is one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

from georet.search.candidates import CandidateIndex
from georet.types import Bools, Floats, Ints
from georet_faiss.library import MOST_ON_GPU, load_faiss, num_gpus, on_gpu


class Flat(CandidateIndex):
    """Brute force by faiss, then the exact order of ``oversampling`` candidates a result.

    On a CPU the embeddings are searched where they are; a GPU holds a copy. A region is always
    answered by scoring each allowed row.
    """

    kind: ClassVar[str] = "faiss_flat"

    def __init__(self, *, oversampling: int = 2) -> None:
        super().__init__(oversampling=oversampling, exact_below=sys.maxsize)
        self._faiss = load_faiss()
        self._gpu: Any = None

    def options(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return {"oversampling": self.oversampling}

    @property
    def note(self) -> str:
        """Where it searches."""
        return "on the GPU" if self._gpu is not None else ""

    @property
    def num_bytes(self) -> int:
        """Memory beyond the embeddings that were added, in bytes."""
        return self.rows.embeddings.nbytes if self._gpu is not None else 0

    @property
    def is_ready(self) -> bool:
        """Whether there is something to propose rows from."""
        return len(self.rows) > 0

    def build(self) -> None:
        """Derive from the rows what searching needs."""
        self._gpu = None
        if self.is_ready and num_gpus(self._faiss) > 0:
            index = self._faiss.IndexFlatIP(self.rows.embeddings.shape[1])
            index.add(self.rows.embeddings)
            self._gpu = on_gpu(self._faiss, index)

    def propose(self, queries: Floats, num: int, allowed: Bools | None) -> Ints:  # noqa: ARG002
        """Return rows int64[Q, num] likely to be the best, in any order, -1 pads."""
        if self._gpu is not None and num <= MOST_ON_GPU:
            found: Ints = self._gpu.search(queries, num)[1]
            return found
        metric = self._faiss.METRIC_INNER_PRODUCT
        rows: Ints = self._faiss.knn(queries, self.rows.embeddings, num, metric=metric)[1]
        return rows

    def read_files(self, folder: Path) -> None:  # noqa: ARG002
        """Read what ``write_files`` wrote; it is verified."""
        self.build()

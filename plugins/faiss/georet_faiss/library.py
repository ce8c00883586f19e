"""The library faiss: imported once it is known to be whole, and its GPUs where there are any."""

from __future__ import annotations

import importlib.metadata
from typing import Any, Final

import numpy as np

from georet.errors import UsageError
from georet.extras import need
from georet.types import Bools

DISTRIBUTIONS: Final = (
    "faiss-cpu",
    "faiss-gpu",
    "faiss-gpu-cuvs",
    "faiss-gpu-cu11",
    "faiss-gpu-cu12",
)
"""All of them install the same folder ``faiss``."""
MOST_ON_GPU: Final = 2048
"""Results that a GPU index of faiss can return."""


def load_faiss() -> Any:
    """Return the module ``faiss``.

    Raises UsageError where two distributions share its folder, MissingExtraError without any.
    """
    present = [name for name in DISTRIBUTIONS if _is_installed(name)]
    if len(present) > 1:
        raise UsageError(
            f"{' and '.join(present)} are installed together and overwrite each other's files",
            where="faiss",
            hint=f"pip uninstall -y {' '.join(present)}, then pip install 'georet[search]' "
            "(or 'georet[search-gpu]')",
        )
    return need("faiss", extra="search", what="this index")


def num_gpus(faiss: Any) -> int:
    """Return how many GPUs faiss can use; 0 for a build without any GPU code."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else 0


def on_gpu(faiss: Any, index: Any) -> Any | None:
    """Return a copy of the index on the first GPU, or None where there is none that can hold it.

    Everything is guarded by the number of GPUs: without one, faiss aborts the process in some of
    these calls and returns an empty index from others.
    """
    if num_gpus(faiss) == 0:
        return None
    try:
        copy = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
    except RuntimeError:
        # Not every index has a counterpart on the GPU, and memory may be short.
        return None
    return copy if copy.ntotal == index.ntotal else None


def selector(faiss: Any, allowed: Bools) -> tuple[Any, Any]:
    """Return a selector of the allowed rows bool[R], and the memory that must outlive it."""
    bits = np.packbits(allowed, bitorder="little")
    return faiss.IDSelectorBitmap(bits), bits


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True

"""Codes of bits: the signs of random projections, packed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from georet.types import Floats, Ints

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class SignCodes:
    """(view, embeddings float32[M, D]) -> codes uint8[M, ceil(num_bits / 8)], for a ``BankSpec``.

    Bit i is 1 where an embedding lies on the positive side of plane i. The share of bits in which
    two differ estimates the angle between them (Charikar, STOC 2002). ``seed`` draws the planes,
    which are orthogonal in groups of D.
    """

    num_bits: int
    seed: int = 0

    def __call__(self, view: str, embeddings: Floats) -> Codes:  # noqa: ARG002
        """Return the codes of unit-length embeddings."""
        bits = embeddings @ _planes(embeddings.shape[1], self.num_bits, self.seed) > 0
        codes: Codes = np.packbits(bits, axis=1)
        return codes


def num_different(codes: Codes, code: Codes) -> Ints:
    """Return int64[M]: in how many bits each of the codes uint8[M, W] differs from uint8[W]."""
    num: Ints = np.bitwise_count(codes ^ code).sum(axis=1, dtype=np.int64)
    return num


def random_planes(embed_dim: int, num_bits: int, rng: np.random.Generator) -> Floats:
    """Return directions float32[D, num_bits], orthonormal within each group of D."""
    groups = [
        np.linalg.qr(rng.standard_normal((embed_dim, embed_dim)))[0]
        for _ in range(-(-num_bits // embed_dim))
    ]
    planes: Floats = np.concatenate(groups, axis=1)[:, :num_bits].astype(np.float32)
    return planes


@lru_cache(maxsize=4)
def _planes(embed_dim: int, num_bits: int, seed: int) -> Floats:
    return random_planes(embed_dim, num_bits, np.random.default_rng(seed))

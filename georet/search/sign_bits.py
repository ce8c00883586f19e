"""The index ``sign_bits``: candidates by the signs of random projections, exact order after."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from georet.errors import ConfigError
from georet.files import write_atomic
from georet.search.candidates import EXACT_BELOW, CandidateIndex
from georet.search.codes import random_planes
from georet.sweep.threads import share
from georet.types import Bools, Floats, Ints

_CODES: Final = "codes.bin"
_PLANES: Final = "planes.npz"
_BLOCK: Final = 8192
_WORD: Final = 64
BITS: Final = 256
"""What their number must be a multiple of."""
MOST_BITS: Final = 16_384
ALONE: Final = 16
"""Queries for which starting threads would take longer than counting bits."""


class SignBits(CandidateIndex):
    """Compares bits: 1 where a centred embedding lies on the positive side of a random plane.

    The share of bits in which two differ estimates the angle between them (Charikar, Similarity
    estimation techniques from rounding algorithms, STOC 2002). Embeddings are centred first, as
    those of one encoder lie in a narrow cone, where all signs agree; planes are orthogonal in
    groups of D, which estimates better. ``num_bits`` is a multiple of 256, by default 2 D (of rows
    on disk D / 4) and a bit more where that is none. ``seed`` draws the planes.
    """

    kind: ClassVar[str] = "sign_bits"

    def __init__(
        self,
        *,
        num_bits: int | None = None,
        oversampling: int = 30,
        exact_below: int = EXACT_BELOW,
        seed: int = 0,
    ) -> None:
        super().__init__(oversampling=oversampling, exact_below=exact_below)
        if num_bits is not None and (num_bits % BITS or not 0 < num_bits <= MOST_BITS):
            raise ConfigError(
                f"num_bits is {num_bits}",
                where=self.kind,
                hint=f"Give a multiple of {BITS} up to {MOST_BITS}.",
            )
        self.num_bits = num_bits
        self.seed = seed
        self._codes = np.empty((0, 0), np.uint64)
        self._mean = np.empty(0, np.float32)
        self._planes = np.empty((0, 0), np.float32)

    @property
    def num_bytes(self) -> int:
        """Memory beyond the embeddings that were added, in bytes."""
        return self._codes.nbytes + self._planes.nbytes + self._mean.nbytes

    def options(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return {**super().options(), "num_bits": self.num_bits, "seed": self.seed}

    @property
    def is_ready(self) -> bool:
        """Whether there is something to propose rows from."""
        return self._codes.shape[1] > 0

    def build(self) -> None:
        """Derive from the rows what searching needs."""
        if not len(self.rows):
            return
        embed_dim = self.rows.embed_dim
        # A search reads all codes: beside rows on disk they are shorter, and candidates more.
        wanted = embed_dim / 4 if self.rows.is_stored else 2 * embed_dim
        num_bits = self.num_bits or math.ceil(wanted / BITS) * BITS
        total = np.zeros(embed_dim)
        for _, some in self.rows.blocks():
            total += some.rows.sum(axis=0, dtype=np.float64)
        self._mean = (total / len(self.rows)).astype(np.float32)
        self._planes = random_planes(embed_dim, num_bits, np.random.default_rng(self.seed))
        self._codes = np.empty((num_bits // _WORD, len(self.rows)), np.uint64)
        for first, some in self.rows.blocks():
            for start in range(0, len(some), _BLOCK):
                part = some.rows[start : start + _BLOCK]
                place = slice(first + start, first + start + len(part))
                self._codes[:, place] = self._encode(part).T

    def _encode(self, embeddings: Floats) -> np.ndarray[Any, np.dtype[np.uint64]]:
        import torch

        from georet.search.hamming import packed

        # As all products here, by torch: a second library's threads would wait for cores.
        centred = torch.from_numpy(embeddings - self._mean)
        return packed((centred @ torch.from_numpy(self._planes) > 0).numpy())

    def propose(self, queries: Floats, num: int, allowed: Bools | None) -> Ints:
        """Return rows int64[Q, num] likely to be the best, in any order, -1 pads."""
        from georet.search.hamming import nearest

        out = np.full((len(queries), num), -1, np.int64)
        mask = np.empty(0, np.bool_) if allowed is None else allowed
        codes = self._encode(queries)

        def propose_some(first: int, end: int) -> None:
            nearest(self._codes, codes, mask, out, first, end)

        share(len(queries), propose_some, alone=ALONE)
        return out

    def write_files(self, folder: Path) -> None:
        """Write what ``build`` derived."""
        np.savez(folder / _PLANES, mean=self._mean, planes=self._planes)
        write_atomic(folder / _CODES, self._codes.astype("<u8").tobytes())

    def read_files(self, folder: Path) -> None:
        """Read what ``write_files`` wrote; it is verified."""
        with np.load(io.BytesIO(self._content(folder / _PLANES)), allow_pickle=False) as arrays:
            self._mean, self._planes = arrays["mean"], arrays["planes"]
        codes = np.frombuffer(self._content(folder / _CODES), "<u8")
        self._codes = codes.reshape(self._planes.shape[1] // _WORD if len(codes) else 0, -1)

    def _content(self, path: Path) -> memoryview:
        file = self.mapped(path)
        return file.read(0, file.num_bytes)

"""The sampler ``lsh``: Sample4Geo's batches, whose neighbours are found by codes of bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from georet.errors import ConfigError
from georet.sampling import exclusion, geographic_neighbours, plan_batches
from georet.search.codes import SignCodes
from georet.types import (
    QUERY,
    REFERENCE,
    BankSpec,
    BatchPlan,
    Bools,
    EmbeddingBank,
    Floats,
    Ints,
    PairTable,
)
from georet_lsh.codes import hashed, means, nearest_codes, reordered, widened, without

Count = Annotated[int, Field(ge=1)]
Keep = Literal["float32", "float16", "bits"]


@dataclass(frozen=True, kw_only=True)
class LshSampler:
    """Batches of what has almost the same bits, from the embeddings of the epoch before.

    ``num_bits``: the length of a code. ``searched_by``: for each reference the queries with the
    nearest codes are found, as in the paper, or (``query``) for each query the references, as
    Sample4Geo does. Each pair that enters a batch by chance pulls ``select`` of the ``pool``
    nearest. ``rerank`` candidates are put into the order of their exact cosines first. ``keep``:
    what of the embeddings stays in memory; ``bits`` can neither be centred nor re-ranked. ``seed``
    draws the planes. Pairs that were not seen yet pull geographic neighbours, where there are
    positions. ``ignore_semi_positives``, ``ignore_within_m`` (metres) and ``give_up`` are those of
    ``sample4geo:random``. arXiv 2505.17844.
    """

    num_bits: Count = 512
    searched_by: Literal["reference", "query"] = "reference"
    select: Annotated[int, Field(ge=0)] = 64
    pool: Count = 128
    rerank: Count | None = None
    centred: bool = True
    keep: Keep = "float32"
    seed: Annotated[int, Field(ge=0)] = 0
    give_up: Count = 1024
    ignore_semi_positives: bool = False
    ignore_within_m: Annotated[float, Field(ge=0)] | None = None

    def __post_init__(self) -> None:
        if self.keep == "bits" and (self.centred or self.rerank is not None):
            raise ConfigError(
                "codes alone can be neither centred nor re-ranked",
                where="lsh.keep",
                hint="Give centred: false and no rerank, or keep: float16.",
            )
        for name, least in (("pool", self.select), ("rerank", self.pool)):
            given = getattr(self, name)
            if given is not None and given < least:
                raise ConfigError(
                    f"{name} is {given}", where=f"lsh.{name}", hint=f"Give at least {least}."
                )

    @property
    def bank_spec(self) -> BankSpec:
        """What is kept of the embeddings of queries and references."""
        kept: dict[Keep, Callable[[str, Floats], NDArray[Any]] | None] = {
            "float32": None,
            "float16": as_half,
            "bits": SignCodes(self.num_bits, self.seed),
        }
        return BankSpec((QUERY, REFERENCE), kept[self.keep])

    def wants_bank(self, epoch: int) -> str | None:
        """Return ``incremental`` from epoch 1 on: the embeddings seen while training."""
        return "incremental" if epoch else None

    def plan(
        self,
        epoch: int,
        pairs: PairTable,
        bank: EmbeddingBank | None,
        *,
        batch_size: int,
        seed: int,
    ) -> BatchPlan:
        """Return the epoch's batches int64[S, B].

        Raises ConfigError when not one batch can be filled.
        """
        table = self._first(pairs) if bank is None else self.neighbours(pairs, bank)
        batches = plan_batches(
            pairs.pairs,
            table,
            batch_size,
            select=self.select,
            pool=self.pool,
            seed=(seed, epoch),
            give_up=self.give_up,
            exclude=exclusion(
                pairs, semi_positives=self.ignore_semi_positives, within_m=self.ignore_within_m
            ),
            neighbours_of="pair",
        )
        if not len(batches):
            raise ConfigError(
                f"not one batch of {batch_size} can be filled from {len(pairs)} pairs",
                where="sampler",
                hint="Lower train.batch_size, or ignore fewer references as false negatives.",
            )
        return BatchPlan(batches, epoch, seed, "lsh" if bank is not None else "lsh/first")

    def neighbours(self, pairs: PairTable, bank: EmbeddingBank) -> Ints:
        """Return the references int64[N, pool] that each pair may pull, nearest first, -1 pads."""
        own = pairs.pairs[:, :2]
        known = np.flatnonzero(bank.seen(QUERY)[own[:, 0]] & bank.seen(REFERENCE)[own[:, 1]])
        table = np.full((len(pairs), self.pool), -1, np.int64)
        if len(known) > 1:
            table[known] = self._found(own[known], bank)
        unseen = np.setdiff1d(np.arange(len(pairs)), known)
        if len(unseen) and pairs.references.latlon is not None:
            table[unseen] = self._first(pairs, unseen)
        return table

    def _found(self, own: Ints, bank: EmbeddingBank) -> Ints:
        """Return the references int64[M, pool] nearest to pairs int64[M, 2] that were all seen."""
        side, other = (1, 0) if self.searched_by == REFERENCE else (0, 1)
        views = (QUERY, REFERENCE)
        asked, place_of = np.unique(own[:, side], return_inverse=True)
        # Each image that can be found, by the first pair that shows it.
        images, pair_of = np.unique(own[:, other], return_index=True)
        vectors = bank.of(views[side])[asked], bank.of(views[other])[images]
        codes = [self._codes(rows) for rows in vectors]
        # Some of the nearest are the pair's own, and are left out.
        most_own = int(np.bincount(own[:, side]).max())
        wanted = max(self.pool, self.rerank or 0) + most_own
        found = nearest_codes(codes[0], codes[1], min(wanted, len(images)))
        if self.rerank is not None:
            floats = [np.asarray(rows, np.float32) for rows in vectors]
            found = reordered(floats[0], floats[1], found)
        found = found[place_of]
        references = np.where(found < 0, -1, own[pair_of[found], 1])
        is_own: Bools = references == own[:, 1:]
        return without(references, is_own, self.pool)

    def _codes(self, rows: NDArray[Any]) -> NDArray[np.uint64]:
        if self.keep == "bits":
            return widened(rows)
        centre = means(rows) if self.centred else None
        return hashed(rows, self.num_bits, self.seed, centre)

    def _first(self, pairs: PairTable, rows: Ints | None = None) -> Ints:
        """Return geographic neighbours int64[M, pool] of pairs, -1 throughout without positions."""
        own = pairs.pairs[:, 1] if rows is None else pairs.pairs[rows, 1]
        latlon = pairs.references.latlon
        if latlon is None:
            return np.full((len(own), self.pool), -1, np.int64)
        used = np.unique(pairs.pairs[:, 1])
        found = geographic_neighbours(latlon[used], self.pool)[np.searchsorted(used, own)]
        return np.where(found < 0, -1, used[found])


def as_half(view: str, embeddings: Floats) -> NDArray[np.float16]:  # noqa: ARG001
    """Return embeddings float32[M, D] in half precision."""
    return embeddings.astype(np.float16)

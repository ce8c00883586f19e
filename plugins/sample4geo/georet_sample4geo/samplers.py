"""The samplers of Sample4Geo (arXiv 2303.11851): by chance, by position, by similarity, in turn.

They differ in the neighbour table; ``georet.sampling.plan_batches`` has the rules of the batches. A
sampler keeps nothing from one epoch for the next but what the same arguments would give again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple, TypeVar

import numpy as np
from pydantic import Field

from georet.contracts.training import RowsToFirst
from georet.errors import ConfigError, TrainingError
from georet.geodesy import distance_m
from georet.sampling import exclusion
from georet.sampling.geographic import Distance
from georet.sampling.kernel import Rules
from georet.sampling.planner import FilledPlan, fill_batches
from georet.sampling.visual import Way
from georet.types import BatchPlan, EmbeddingBank, Ints, PairTable
from georet_sample4geo.tables import (
    View,
    gps_neighbours,
    has_positions,
    in_one_piece,
    known_pairs,
    similarity_neighbours,
)

_T = TypeVar("_T")


class Memo:
    """Remembers the last result of each name, as long as the objects it was made from live."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[list[weakref.ref[object]], object]] = {}

    def of(self, name: str, sources: tuple[object, ...], make: Callable[[], _T]) -> _T:
        """Return ``make()``, or what it returned last for the very same sources."""
        refs, value = self._kept.get(name, ([], None))
        if len(refs) == len(sources) and all(
            ref() is source for ref, source in zip(refs, sources, strict=True)
        ):
            return value  # type: ignore[return-value]
        made = make()
        self._kept[name] = [weakref.ref(source) for source in sources], made
        return made


Count = Annotated[int, Field(ge=1)]
Epoch = Annotated[int, Field(ge=0)]
Metres = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class NeighbourSource(NamedTuple):
    """What seeds pull from: a table int64[R, K], or by pair int64[N, K], of references."""

    name: str
    neighbours: Ints | None = None
    by_pair: bool = False
    select: int = 0
    pool: int = 1


@dataclass(frozen=True, kw_only=True)
class RandomSampler:
    """Batches by chance: no pair twice in an epoch, no query or reference twice in a batch.

    ``give_up``: fruitless draws in a row after which the epoch ends. ``ignore_semi_positives`` and
    ``ignore_within_m`` (metres) keep references apart that would be false negatives of each other:
    those that show the place of one query, those that lie so close together.
    """

    give_up: Count = 1024
    ignore_semi_positives: bool = False
    ignore_within_m: Metres | None = None
    _memo: Memo = field(default_factory=Memo, init=False, repr=False, compare=False)

    def wants_bank(self, epoch: int) -> str | None:  # noqa: ARG002
        """Return None: no embeddings are needed."""
        return None

    def plan(
        self,
        epoch: int,
        pairs: PairTable,
        bank: EmbeddingBank | None,
        *,
        batch_size: int,
        seed: int,
        epochs: int = 1,
    ) -> BatchPlan:
        """Return the epoch's batches int64[S, B].

        Raises ConfigError when not one batch can be filled, DataError for pairs without the
        positions that the sampler goes by, TrainingError without the bank that it asked for.
        """

        def exclude() -> tuple[Ints, Ints] | None:
            return exclusion(
                pairs, semi_positives=self.ignore_semi_positives, within_m=self.ignore_within_m
            )

        source = self._source(epoch, pairs, bank)
        num_pulled = round(source.select * self._hardness(epoch, epochs))
        filled = fill_batches(
            pairs.pairs,
            source.neighbours,
            Rules(
                batch_size=batch_size,
                num_near=num_pulled // 2,
                pool=source.pool,
                give_up=self.give_up,
                by_pair=source.by_pair,
                shrink=True,
                count_used_as_rejected=True,
                shuffle=True,
            ),
            seed=(seed, epoch),
            exclude=self._memo.of("exclusion", (pairs,), exclude),
        )
        if not len(filled.batches):
            raise ConfigError(
                f"not one batch of {batch_size} can be filled from {len(pairs)} pairs",
                where="sampler",
                hint="lower train.batch_size, or ignore fewer references as false negatives",
            )
        return BatchPlan(filled.batches, epoch, seed, source.name, _info(filled, pairs))

    def _source(self, epoch: int, pairs: PairTable, bank: EmbeddingBank | None) -> NeighbourSource:  # noqa: ARG002
        return NeighbourSource("random")

    def _hardness(self, epoch: int, epochs: int) -> float:  # noqa: ARG002
        return 1.0


@dataclass(frozen=True, kw_only=True)
class GpsSampler(RandomSampler):
    """Batches of geographic neighbours, without any embeddings.

    Each pair that enters a batch by chance pulls in half of ``select`` references that are nearest
    to its own, and half at random out of the other ones in its ``pool``. ``positions`` says whose
    coordinates count, ``distance`` how they are compared; ``euclidean`` reads the metadata columns
    ``easting_m`` and ``northing_m``, the others latitude and longitude. ``hardness`` are the shares
    of ``select`` that seeds pull in the first and in the last epoch, evenly in between.
    """

    select: Annotated[int, Field(ge=0)] = 64
    pool: Count = 128
    positions: View = "reference"
    distance: Distance = "great_circle"
    hardness: tuple[Share, Share] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if self.pool < self.select:
            raise ConfigError(
                f"pool is {self.pool}, smaller than select = {self.select}",
                where="sampler.pool",
                hint=f"give at least {self.select}",
            )

    def _source(self, epoch: int, pairs: PairTable, bank: EmbeddingBank | None) -> NeighbourSource:  # noqa: ARG002
        return NeighbourSource(
            "gps", self._gps_table(pairs), by_pair=False, select=self.select, pool=self.pool
        )

    def _hardness(self, epoch: int, epochs: int) -> float:
        first, last = self.hardness
        return first + (last - first) * min(1.0, epoch / max(1, epochs - 1))

    def _gps_table(self, pairs: PairTable) -> Ints:
        def make() -> Ints:
            return gps_neighbours(
                pairs, self.pool, positions=self.positions, distance=self.distance
            )

        return self._memo.of("gps", (pairs,), make)


@dataclass(frozen=True, kw_only=True)
class SimilaritySampler(GpsSampler):
    """Batches of visual neighbours: references that resemble a pair's query most.

    The training images are embedded anew every ``mine_every`` epochs. With ``incremental`` (arXiv
    2505.17844) nothing is embedded for this purpose: the embeddings come from the training steps
    themselves, and pairs not seen yet pull geographic neighbours, or none without positions.

    ``mine_by``: ``exact`` compares each query with all references, ``sign_bits`` with those that
    agree with it in most bits; ``auto`` does that from 100,000 references on.
    """

    mine_every: Count = 4
    incremental: bool = False
    mine_by: Way = "auto"

    @property
    def first_epoch(self) -> int:
        """The first epoch that is planned from embeddings."""
        return 0

    def wants_bank(self, epoch: int) -> str | None:
        """Return ``mine`` every few epochs and ``keep`` between, or ``incremental`` throughout."""
        if epoch < self.first_epoch:
            return None
        if self.incremental:
            return "incremental"
        return "mine" if (epoch - self.first_epoch) % self.mine_every == 0 else "keep"

    def _source(self, epoch: int, pairs: PairTable, bank: EmbeddingBank | None) -> NeighbourSource:
        if bank is None:
            raise TrainingError(
                f"the sampler needs embeddings for epoch {epoch}, it was given none",
                hint="whoever calls plan(...) must heed wants_bank(epoch)",
            )
        table = self._memo.of("bank", (pairs, bank), lambda: self._bank_table(pairs, bank))
        return NeighbourSource(
            "similarity", table, by_pair=True, select=self.select, pool=self.pool
        )

    def prepare(
        self,
        epoch: int,
        pairs: PairTable,
        bank: EmbeddingBank | None,
        rows_to_first: RowsToFirst,
    ) -> None:
        """Search for the neighbours of ``epoch``, each rank for a share; the first has them all."""
        if epoch >= self.first_epoch and bank is not None:
            self._memo.of(
                "bank", (pairs, bank), lambda: self._bank_table(pairs, bank, rows_to_first)
            )

    def _bank_table(
        self, pairs: PairTable, bank: EmbeddingBank, rows_to_first: RowsToFirst = in_one_piece
    ) -> Ints | None:
        table = similarity_neighbours(pairs, bank, self.pool, rows_to_first, by=self.mine_by)
        if table is None:
            return None
        unknown = ~known_pairs(pairs, bank)
        if unknown.any() and has_positions(pairs, positions=self.positions, distance=self.distance):
            table[unknown] = self._gps_table(pairs)[pairs.pairs[unknown, 1]]
        return table


@dataclass(frozen=True, kw_only=True)
class Sample4GeoSampler(SimilaritySampler):
    """Geographic neighbours first, visual ones from ``first_mine_epoch`` on.

    That epoch (counted from 0) is ``mine_every`` unless given, as in the paper; with
    ``incremental`` it is 1, since the first epoch's embeddings cost nothing.
    """

    first_mine_epoch: Epoch | None = None

    @property
    def first_epoch(self) -> int:
        """The first epoch that is planned from embeddings."""
        if self.first_mine_epoch is not None:
            return self.first_mine_epoch
        return 1 if self.incremental else self.mine_every

    def _source(self, epoch: int, pairs: PairTable, bank: EmbeddingBank | None) -> NeighbourSource:
        kind = GpsSampler if epoch < self.first_epoch else SimilaritySampler
        source = kind._source(self, epoch, pairs, bank)
        return source._replace(name=f"sample4geo/{source.name}")


def _info(filled: FilledPlan, pairs: PairTable) -> dict[str, float]:
    """Return how many pairs were left out, how many were pulled, how far mates are apart in km."""
    batches, latlon = filled.batches, pairs.references.latlon
    info = {
        "num_dropped": float(len(pairs) - batches.size),
        "pulled_share": 1 - float(filled.is_seed.mean()),
    }
    if latlon is not None and batches.shape[1] > 1:
        places = latlon[pairs.pairs[batches, 1]]
        mates = np.roll(places, batches.shape[1] // 2, axis=1)
        info["median_mate_km"] = float(np.median(distance_m(places, mates))) / 1000
    return info

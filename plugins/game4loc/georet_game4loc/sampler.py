"""Mutually exclusive batches: what overlaps meets as a pair or not at all."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.sparse import coo_array, csr_array

from georet.errors import ConfigError
from georet.types import BatchPlan, EmbeddingBank, Ints, PairTable


@dataclass(frozen=True, kw_only=True)
class MutuallyExclusive:
    """Batches in which no photo overlaps another pair's tile.

    Photo and tile are linked where they are a pair, or the tile is a semi-positive of the photo's
    pair. Pairs are visited in random order; one that enters the batch blocks, for this batch, all
    tiles linked to its photo and all photos linked to its tile. One that is blocked goes to the
    back of the queue. Each pair comes once an epoch; after ``give_up`` fruitless draws in a row, or
    with the last pair, the epoch ends, and a batch that is not full is dropped. Game4Loc, arXiv
    2409.16925, section 3. There are no hard negatives.
    """

    give_up: Annotated[int, Field(ge=1)] = 16_384

    def wants_bank(self, epoch: int) -> None:
        """Return None: no embeddings are needed."""

    def plan(
        self,
        epoch: int,
        pairs: PairTable,
        bank: EmbeddingBank | None,  # noqa: ARG002
        *,
        batch_size: int,
        seed: int,
    ) -> BatchPlan:
        """Return the epoch's batches int64[S, B]; ConfigError when not one can be filled."""
        tiles_of, photos_of = _links(pairs)
        photo, tile = pairs.pairs[:, 0].tolist(), pairs.pairs[:, 1].tolist()
        # A photo or tile is blocked for the batch of that number.
        photo_stamp = np.full(len(pairs.queries), -1, np.int64)
        tile_stamp = np.full(len(pairs.references), -1, np.int64)
        order = np.random.default_rng([seed, epoch]).permutation(len(pairs))
        queue, num_fruitless = deque(order.tolist()), 0
        taken: list[int] = []
        while queue and num_fruitless < self.give_up:
            pair, batch = queue.popleft(), len(taken) // batch_size
            if photo_stamp[photo[pair]] == batch or tile_stamp[tile[pair]] == batch:
                queue.append(pair)
                num_fruitless += 1
                continue
            num_fruitless = 0
            taken.append(pair)
            tile_stamp[_row(tiles_of, photo[pair])] = batch
            photo_stamp[_row(photos_of, tile[pair])] = batch
        num_full = len(taken) // batch_size
        if not num_full:
            raise ConfigError(
                f"not one batch of {batch_size} pairs without overlaps can be filled from "
                f"{len(pairs)} pairs",
                where="sampler",
                hint="Lower train.batch_size.",
            )
        batches = np.array(taken[: num_full * batch_size], np.int64).reshape(num_full, batch_size)
        info = {"num_dropped": float(len(pairs) - batches.size)}
        return BatchPlan(batches, epoch, seed, "mutually_exclusive", info)


def _links(pairs: PairTable) -> tuple[csr_array, csr_array]:
    """Return the links of photos to tiles [Q, R] and of tiles to photos [R, Q]."""
    photo, tile = pairs.pairs[:, 0], pairs.pairs[:, 1]
    if pairs.semi_positives is not None:
        pair, column = np.nonzero(pairs.semi_positives >= 0)
        photo = np.concatenate([photo, photo[pair]])
        tile = np.concatenate([tile, pairs.semi_positives[pair, column]])
    shape = (len(pairs.queries), len(pairs.references))
    links = coo_array((np.ones(len(photo), np.int8), (photo, tile)), shape=shape)
    return links.tocsr(), links.T.tocsr()


def _row(links: csr_array, row: int) -> Ints:
    return links.indices[links.indptr[row] : links.indptr[row + 1]].astype(np.int64)

"""Shares of a batch, loaded apart, are the batch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from georet.data.loader import ImageLoader
from georet.types import Ints


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("bounds", [(0, 3, 6), (0, 2, 4, 6), (0, 1, 6)])
def test_the_shares_of_all_processes_make_the_batch(
    make_pairs, make_plan, loader, workers: int, bounds: tuple[int, ...]
) -> None:
    table, plan = make_pairs(), make_plan()
    whole = list(loader(table).epoch(plan, first_step=1))
    parts = []
    for first, last in itertools.pairwise(bounds):
        with loader(table, share=slice(first, last), workers=workers) as one:
            parts.append(list(one.epoch(plan, first_step=1)))
    for batch, *shares in zip(whole, *parts, strict=True):
        for view, images in batch.images.items():
            assert torch.equal(torch.cat([share.images[view] for share in shares]), images)
        np.testing.assert_array_equal(np.concatenate([s.pairs for s in shares]), batch.pairs)
        for share in shares:
            np.testing.assert_array_equal(share.whole.pairs, batch.pairs)
            assert {v: r.tolist() for v, r in share.whole.rows.items()} == {
                v: r.tolist() for v, r in batch.rows.items()
            }


def test_the_batches_of_a_table_can_be_loaded_apart(make_pairs) -> None:
    images = make_pairs(num=11).queries

    def kept(loader: ImageLoader) -> list[tuple[Ints, torch.Tensor]]:
        return [(rows, pixels.clone()) for rows, pixels in loader]

    every = kept(ImageLoader(images, size=(16, 16), batch_size=4))
    found = []
    for some in (slice(0, 1), slice(1, 3), slice(3, 3)):
        part = ImageLoader(images, size=(16, 16), batch_size=4, batches=some)
        assert len(part) == some.stop - some.start
        found += kept(part)
    assert [rows.tolist() for rows, _ in found] == [rows.tolist() for rows, _ in every]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(found, every, strict=True))

from __future__ import annotations

import multiprocessing
from collections.abc import Callable

import numpy as np
import pytest
import torch

from georet.data.images import RESIZE_RULE, read_image
from georet.data.loader import ImageLoader, PairLoader
from georet.data.resizing import FAST
from georet.errors import ComponentError, ConfigError
from georet.types import Batch, BatchPlan, ImageTable, PairTable, Pixels

SIZE = {"query": (16, 32), "reference": (16, 16)}


class Halves:
    joint = False

    def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        return image[::2]


def test_batches_follow_the_plan(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    table, plan = make_pairs(), make_plan(epoch=2)
    batches = list(loader(table).epoch(plan))
    assert [batch.step for batch in batches] == [0, 1, 2, 3]
    for batch in batches:
        assert batch.epoch == 2
        np.testing.assert_array_equal(batch.pairs, plan.batches[batch.step])
        np.testing.assert_array_equal(batch.rows["reference"], plan.batches[batch.step])
        assert batch.images["query"].shape == (6, 16, 32, 3)
        assert batch.images["reference"].shape == (6, 16, 16, 3)
        assert batch.images["query"].dtype == torch.uint8


def test_without_transforms_images_come_as_read(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    table, plan = make_pairs(), make_plan()
    batch = next(loader(table, joint=[], augment={}).epoch(plan))
    for view, size in SIZE.items():
        for slot, row in enumerate(batch.rows[view]):
            expected = read_image(table.views[view].paths[row], size=size)
            np.testing.assert_array_equal(batch.images[view][slot].numpy(), expected)


@pytest.mark.parametrize("fast", [False, True])
def test_the_number_of_workers_changes_no_byte(
    fast: bool,
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
    same: Callable[[Batch, Batch], bool],
) -> None:
    table = make_pairs()
    plans = [make_plan(epoch=0), make_plan(epoch=1)]
    runs = []
    for workers in (0, 1, 2, 7):
        with loader(table, workers=workers, rule=RESIZE_RULE + FAST * fast) as pairs:
            runs.append([batch for plan in plans for batch in pairs.epoch(plan)])
    for other in runs[1:]:
        assert len(other) == 8
        assert all(same(a, b) for a, b in zip(runs[0], other, strict=True))


def test_seed_epoch_and_step_each_change_the_augmentation(
    make_pairs: Callable[..., PairTable],
    loader: Callable[..., PairLoader],
    same: Callable[[Batch, Batch], bool],
) -> None:
    table = make_pairs()
    rows = np.arange(8)

    def batch(seed: int, epoch: int, step: int) -> Batch:
        plan = BatchPlan(np.tile(rows, (3, 1)), epoch, 0, "test")
        return list(loader(table, seed=seed).epoch(plan))[step]

    base = batch(0, 0, 0)
    for other in (batch(1, 0, 0), batch(0, 1, 0), batch(0, 0, 1)):
        assert not torch.equal(base.images["query"], other.images["query"])
    assert same(base, batch(0, 0, 0))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_taken_up_again_gives_the_same_batches(
    workers: int,
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
    same: Callable[[Batch, Batch], bool],
) -> None:
    table, plan = make_pairs(), make_plan()
    whole = list(loader(table).epoch(plan))
    with loader(table, workers=workers) as pairs:
        rest = list(pairs.epoch(plan, first_step=2))
    assert [batch.step for batch in rest] == [2, 3]
    assert all(same(a, b) for a, b in zip(whole[2:], rest, strict=True))


def test_random_state_of_torch_and_numpy_is_left_alone(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with loader(make_pairs(), workers=1) as pairs:
        list(pairs.epoch(make_plan()))
    assert torch.equal(torch_state, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_a_transform_that_changes_the_size_is_named(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    pairs = loader(make_pairs(), joint=[], augment={"query": [Halves()]})
    with pytest.raises(ComponentError, match=r"uint8\[8, 32, 3\]") as caught:
        next(pairs.epoch(make_plan()))
    assert "the transform Halves returned" in caught.value.what


def test_a_view_that_a_pair_lacks_is_black(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    full = make_pairs(views=("query", "reference", "street"))
    rows = full.pairs.copy()
    rows[::2, 2] = -1
    table = PairTable(full.views, rows)
    size = SIZE | {"street": (8, 8)}
    batches = list(loader(table, size=size).epoch(make_plan()))
    assert any((batch.rows["street"] < 0).any() for batch in batches)
    for batch in batches:
        lacks = batch.rows["street"] < 0
        dark = (batch.images["street"] == 0).reshape(6, -1).all(dim=1).numpy()
        np.testing.assert_array_equal(dark, lacks)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"size": {"query": (16, 16)}}, "data.size.reference"),
        ({"size": SIZE | {"quarry": (16, 16)}}, "data.size.quarry"),
        ({"size": SIZE | {"query": (0, 16)}}, "data.size.query"),
        ({"augment": {"refrence": []}}, "data.augment.refrence"),
    ],
)
def test_sizes_and_transforms_must_fit_the_views(
    options: dict[str, object],
    key: str,
    make_pairs: Callable[..., PairTable],
    loader: Callable[..., PairLoader],
) -> None:
    with pytest.raises(ConfigError) as caught:
        loader(make_pairs(4), **options)
    assert caught.value.where == key


def test_artefacts_come_before_the_resize_unless_fast(
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    seen: list[tuple[int, ...]] = []

    class Looks:
        joint = False
        before_resize = True

        def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
            seen.append(image.shape)
            return image

    for fast in (False, True):
        next(
            loader(
                make_pairs(), augment={"query": [Looks()]}, rule=RESIZE_RULE + FAST * fast
            ).epoch(make_plan())
        )
    assert set(seen[:6]) == {(24, 32, 3)}
    assert set(seen[6:]) == {(16, 32, 3)}


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_loader_reads_every_row_once_in_order(
    workers: int, make_pairs: Callable[..., PairTable]
) -> None:
    table = make_pairs(11).queries
    images = ImageLoader(table, size=(16, 24), batch_size=4, workers=workers)
    assert len(images) == 3
    for _ in range(2):
        batches = [(rows, tensor.clone()) for rows, tensor in images]
        assert [len(rows) for rows, _ in batches] == [4, 4, 3]
        np.testing.assert_array_equal(np.concatenate([rows for rows, _ in batches]), np.arange(11))
        pixels = torch.cat([tensor for _, tensor in batches])
        for row, path in enumerate(table.paths):
            np.testing.assert_array_equal(pixels[row].numpy(), read_image(path, size=(16, 24)))
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [0, 1])
def test_an_empty_table_gives_no_batches(workers: int) -> None:
    images = ImageLoader(ImageTable([], []), size=(8, 8), batch_size=4, workers=workers)
    assert list(images) == []

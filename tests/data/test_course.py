"""Sizes that follow a schedule, images drawn per visit, views that only feed transforms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from georet.config import SizeSchedule
from georet.data.course import Course
from georet.data.images import read_image
from georet.data.loader import PairLoader
from georet.data.transforms import FieldOfView
from georet.errors import ConfigError
from georet.types import Batch, BatchPlan, PairTable, Pixels

MakePairs = Callable[..., PairTable]
MakePlan = Callable[..., BatchPlan]
MakeLoader = Callable[..., PairLoader]
SIZE = {"query": (16, 32), "reference": (16, 16)}
NARROWS = SizeSchedule(last=(16, 6))


def widths(pairs: PairLoader, plan: BatchPlan) -> list[int]:
    return [batch.images["query"].shape[2] for batch in pairs.epoch(plan)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_size_goes_from_first_to_last_over_the_epochs(
    workers: int, make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    options: dict[str, Any] = {"epochs": 3, "size_schedule": {"query": NARROWS}}
    with loader(make_pairs(), workers=workers, joint=[], augment={}, **options) as pairs:
        found = [widths(pairs, make_plan(epoch=epoch)) for epoch in range(3)]
    assert found == [[32] * 4, [19] * 4, [6] * 4]


def test_images_of_a_scheduled_size_come_as_read(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    table = make_pairs()
    grows = {"reference": SizeSchedule(first=(4, 4), last=(20, 40), every="batch", multiple=4)}
    with loader(table, workers=3, joint=[], augment={}, size_schedule=grows) as pairs:
        batches = list(pairs.epoch(make_plan()))
    sizes = [tuple(batch.images["reference"].shape[1:3]) for batch in batches]
    assert sizes == [(4, 4), (8, 12), (12, 24), (16, 32)]
    for batch, size in zip(batches, sizes, strict=True):
        for slot, row in enumerate(batch.rows["reference"]):
            wanted = read_image(table.references.paths[row], size=size)
            np.testing.assert_array_equal(batch.images["reference"][slot], wanted)


def test_a_drawn_size_is_one_for_a_batch_and_comes_again(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    drawn = SizeSchedule(first=(16, 6), last=(16, 32), every="batch", random=True)
    pairs = loader(make_pairs(96), size_schedule={"query": drawn}, joint=[], augment={})
    plan = make_plan(96)
    found = widths(pairs, plan)
    assert len(set(found)) > 6
    assert min(found) >= 6
    assert max(found) <= 32
    assert found == widths(pairs, plan)
    assert found != widths(pairs, replace(plan, epoch=1))


def test_a_bend_goes_fast_or_late(make_pairs: MakePairs, make_plan: MakePlan) -> None:
    halfway = []
    for bend in (-5, 0, 5):
        schedule = SizeSchedule(last=(16, 132), bend=bend)
        course = Course(make_pairs(), SIZE, 0, 3, {"query": schedule})
        halfway.append(course.job(make_plan(epoch=1), 0).sizes["query"][1])
    # (1 - exp(-5 / 2)) / (1 - exp(-5)) = 0.9241
    assert halfway == [40, 82, 124]


def test_a_field_of_view_follows_the_size(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    augment = {"query": [FieldOfView(degrees="size")]}
    schedule = {"query": SizeSchedule(last=(16, 8))}
    pairs = loader(make_pairs(), joint=[], augment=augment, size_schedule=schedule, epochs=2)
    for epoch, degrees in enumerate((360, 90)):
        batch = next(pairs.epoch(make_plan(epoch=epoch)))
        np.testing.assert_allclose(np.rad2deg(batch.applied["query.fov_rad"]), degrees, rtol=1e-6)


def many(make_pairs: MakePairs) -> PairTable:
    """Return 24 pairs of which the first 8 are places with three photos each, the last has none."""
    table = make_pairs()
    listed = [[i, i + 8, i + 16] for i in range(8)] + [[i] for i in range(8, 23)] + [[]]
    return replace(table, alternatives={"query": listed})


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_one_of_several_images_is_drawn_per_visit(
    workers: int, make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    table, seen = many(make_pairs), Counter[tuple[int, int]]()
    with loader(table, joint=[], augment={}, workers=workers) as pairs:
        for epoch in range(30):
            for batch in pairs.epoch(replace(make_plan(), epoch=epoch)):
                np.testing.assert_array_equal(batch.rows["query"], batch.pairs)
                np.testing.assert_array_equal(batch.shown["reference"], batch.pairs)
                for slot, (pair, row) in enumerate(
                    zip(batch.pairs.tolist(), batch.shown["query"].tolist(), strict=True)
                ):
                    seen[pair, row] += 1
                    wanted = read_image(table.queries.paths[row], size=SIZE["query"])
                    np.testing.assert_array_equal(batch.images["query"][slot], wanted)
    assert set(seen) == {(i, i + k) for i in range(8) for k in (0, 8, 16)} | {
        (i, i) for i in range(8, 24)
    }


def test_draws_are_even_and_differ_between_slots(make_pairs: MakePairs) -> None:
    table = replace(make_pairs(), alternatives={"query": np.array([[0, 1, 2]] * 24)})
    course = Course(table, SIZE, seed=5)
    plan = BatchPlan(np.arange(24)[None], 0, 0, "test")
    rows = np.stack(
        [course.job(replace(plan, epoch=epoch), 0).shown["query"] for epoch in range(300)]
    )
    share = [(rows == row).mean() for row in range(3)]
    np.testing.assert_allclose(share, 1 / 3, atol=0.02)
    same = (rows[:, 0] == rows[:, 1]).mean()
    assert same == pytest.approx(1 / 3, abs=0.1)


def test_a_padded_array_lists_the_same_as_rows_of_any_length(make_pairs: MakePairs) -> None:
    ragged = many(make_pairs)
    padded = np.full((24, 3), -1)
    for pair, rows in enumerate(ragged.alternatives["query"]):
        padded[pair, : len(rows)] = rows
    table = replace(ragged, alternatives={"query": padded})
    pairs, chances = np.arange(24), np.random.default_rng(0).random(24)
    np.testing.assert_array_equal(
        table.draw("query", pairs, chances), ragged.draw("query", pairs, chances)
    )


def test_a_drawn_reference_is_no_negative_of_who_may_show_it(make_pairs: MakePairs) -> None:
    table = replace(make_pairs(4), alternatives={"reference": [[0, 3], [1], [2], [3]]})
    rows = np.arange(4)
    own = {"query": rows, "reference": rows}
    batch = Batch({}, rows, own, table, 0, 0, shown={"reference": np.array([0, 1, 2, 3])})
    wanted = np.zeros((4, 4), bool)
    wanted[0, 3] = True
    np.testing.assert_array_equal(batch.semi_positive_mask, wanted)


class Swaps:
    """The drone's photo in place of the tile."""

    joint = True

    def __call__(self, images: dict[str, Pixels], rng: np.random.Generator) -> dict[str, Pixels]:
        return images | {"reference": images["drone"].copy()}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_view_that_only_feeds_transforms_is_read_and_not_returned(
    workers: int, make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    table = make_pairs(views=("query", "reference", "drone"))
    options: dict[str, Any] = {"size": SIZE | {"drone": (16, 16)}, "joint": [Swaps()]}
    with loader(table, augment={}, aux_views=["drone"], workers=workers, **options) as pairs:
        batch = next(pairs.epoch(make_plan()))
    assert list(batch.images) == ["query", "reference"]
    for slot, row in enumerate(batch.rows["drone"]):
        wanted = read_image(table.views["drone"].paths[row], size=(16, 16))
        np.testing.assert_array_equal(batch.images["reference"][slot], wanted)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"aux_views": ["dorne"]}, "data.aux_views"),
        ({"aux_views": ["reference"]}, "data.aux_views"),
        ({"aux_views": ["drone"], "augment": {"drone": [Swaps()]}}, "data.augment.drone"),
        ({"size_schedule": {"quarry": NARROWS}}, "data.size_schedule.quarry"),
    ],
)
def test_views_that_do_not_fit_are_named(
    options: dict[str, Any], where: str, make_pairs: MakePairs, loader: MakeLoader
) -> None:
    table = make_pairs(4, views=("query", "reference", "drone"))
    with pytest.raises(ConfigError) as caught:
        loader(table, size=SIZE | {"drone": (8, 8)}, **options)
    assert caught.value.where == where

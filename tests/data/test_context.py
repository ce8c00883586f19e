"""Transforms know where they are, and what they report arrives beside the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from georet.contracts.transforming import TransformContext
from georet.data.loader import PairLoader
from georet.data.transforms import FieldOfView, Flip, RotateRoll, RotateTile
from georet.errors import ConfigError, DataError
from georet.types import BatchPlan, PairTable, Pixels

MakePairs = Callable[..., PairTable]
MakePlan = Callable[..., BatchPlan]
MakeLoader = Callable[..., PairLoader]
Rng = np.random.Generator


class Tells:
    """Reports where it is, by the name of what it sees."""

    joint = False

    def __call__(self, image: Pixels, rng: Rng, context: TransformContext) -> Pixels:
        assert context.view in ("query", "reference")
        assert context.size == image.shape[:2]
        for name in ("epoch", "step", "progress", "row"):
            context.report(name, getattr(context, name))
        context.report("height_m", context.column("height_m"))
        context.report("side_m", context.image_column("reference", "side_m"))
        return image


class TurnsTile:
    """Turns the tile by a quarter or not, and says by how much."""

    joint = True

    def __call__(
        self, images: dict[str, Pixels], rng: Rng, *, context: TransformContext
    ) -> dict[str, Pixels]:
        quarters = int(rng.integers(0, 4))
        context.report("turn_rad", quarters * np.pi / 2)
        return images | {"reference": np.rot90(images["reference"], quarters)}


class ReportsHalf:
    joint = True

    def __call__(
        self, images: dict[str, Pixels], rng: Rng, context: TransformContext
    ) -> dict[str, Pixels]:
        if context.row % 2:
            context.report("odd", context.row)
        return images


def with_columns(table: PairTable) -> PairTable:
    num = len(table)
    side = {"side_m": np.arange(num) + 0.5}
    views = table.views | {"reference": replace(table.references, columns=side)}
    return replace(table, views=views, columns={"height_m": np.arange(num) * 10.0})


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_transform_knows_epoch_progress_row_columns_and_view(
    workers: int, make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    table, plan = with_columns(make_pairs()), make_plan(epoch=1)
    augment = {"query": [Tells()], "reference": [Tells()]}
    with loader(table, joint=[], augment=augment, epochs=4, workers=workers) as pairs:
        for batch in pairs.epoch(plan, first_step=2):
            for view in ("query", "reference"):
                found = {name: batch.applied[f"{view}.{name}"] for name in ("row", "progress")}
                np.testing.assert_array_equal(found["row"], batch.pairs)
                np.testing.assert_allclose(found["progress"], (1 + batch.step / 4) / 4)
                assert set(batch.applied[f"{view}.epoch"]) == {1}
                np.testing.assert_array_equal(
                    batch.applied[f"{view}.height_m"], batch.column("height_m")
                )
                np.testing.assert_array_equal(
                    batch.applied[f"{view}.side_m"], batch.image_column("reference", "side_m")
                )
            assert batch.progress == pytest.approx((1 + batch.step / 4) / 4)


def test_reports_are_the_same_for_any_number_of_workers_and_after_a_stop(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    table, plan = make_pairs(), make_plan()
    options: dict[str, Any] = {
        "joint": [Flip(), RotateRoll()],
        "augment": {"query": [FieldOfView(degrees=90)], "reference": [RotateTile()]},
    }
    alone = list(loader(table, **options).epoch(plan))
    names = {"flip", "quarters", "query.fov_rad", "query.turn_rad", "reference.quarters"}
    assert set(alone[0].applied) == names
    for workers in (1, 3):
        with loader(table, workers=workers, **options) as pairs:
            others = list(pairs.epoch(plan, first_step=1))
        for batch, other in zip(alone[1:], others, strict=True):
            assert batch.applied.keys() == other.applied.keys()
            for name, values in batch.applied.items():
                assert values.dtype == np.float32
                np.testing.assert_array_equal(values, other.applied[name])


def test_a_label_in_a_column_follows_a_reported_mirror_and_rotation(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    """The tile's bright edge stands for a heading, which the column knows and both change."""
    table = make_pairs(24)
    table = replace(table, columns={"yaw_rad": np.arange(24) % 4 * np.pi / 2})

    class Marks:
        joint = True

        def __call__(
            self, images: dict[str, Pixels], rng: Rng, context: TransformContext
        ) -> dict[str, Pixels]:
            north = np.zeros_like(images["reference"])
            north[:4] = 255
            clockwise = round(context.column("yaw_rad") / (np.pi / 2))
            return images | {"reference": np.rot90(north, -clockwise)}

    turned = set()
    for batch in loader(table, joint=[Marks(), Flip(), TurnsTile()], augment={}).epoch(make_plan()):
        sense = np.where(batch.applied["flip"] > 0, -1, 1)
        # Headings grow clockwise, turns go counter-clockwise.
        yaw = sense * batch.column("yaw_rad") - batch.applied["turn_rad"]
        turned |= set(zip(sense.tolist(), batch.applied["turn_rad"].tolist(), strict=True))
        tiles = batch.images["reference"].numpy().astype(float).mean(axis=3)
        centre = (np.arange(16) - 7.5)[None]
        east = (tiles.sum(axis=1) * centre).sum(axis=1)
        north = -(tiles.sum(axis=2) * centre).sum(axis=1)
        np.testing.assert_allclose(np.cos(np.arctan2(east, north) - yaw), 1, atol=1e-6)
    assert len(turned) == 8


def test_what_was_not_reported_is_nan_and_a_name_nobody_used_is_an_error(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    batch = next(loader(make_pairs(), joint=[ReportsHalf()], augment={}).epoch(make_plan()))
    is_odd = batch.pairs % 2 == 1
    np.testing.assert_array_equal(np.isnan(batch.applied["odd"]), ~is_odd)
    np.testing.assert_array_equal(batch.applied["odd"][is_odd], batch.pairs[is_odd])
    with pytest.raises(DataError, match=r"no transform reported 'turn' .*\n.*odd"):
        batch.applied["turn"]


def test_later_transforms_see_what_earlier_ones_reported(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    seen = []

    class Looks:
        joint = True

        def __call__(
            self, images: dict[str, Pixels], rng: Rng, context: TransformContext
        ) -> dict[str, Pixels]:
            seen.append(context.reported["flip"])
            return images

    batch = next(loader(make_pairs(), joint=[Flip(), Looks()], augment={}).epoch(make_plan()))
    assert seen == batch.applied["flip"].tolist()
    assert set(seen) == {0, 1}


def test_the_same_name_twice_for_a_pair_is_refused(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    pairs = loader(make_pairs(), joint=[Flip(), Flip()], augment={})
    with pytest.raises(ValueError, match="'flip' was reported already"):
        next(pairs.epoch(make_plan()))


def test_transforms_that_ask_for_nothing_are_called_as_before(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    def negative(image: Pixels, rng: Rng) -> Pixels:
        return 255 - image

    plain = next(loader(make_pairs(), joint=[], augment={}).epoch(make_plan()))
    changed = next(loader(make_pairs(), joint=[], augment={"query": [negative]}).epoch(make_plan()))
    np.testing.assert_array_equal(changed.images["query"], 255 - plain.images["query"].numpy())
    assert not changed.applied


def test_the_built_in_transforms_report_what_they_did(
    make_pairs: MakePairs, make_plan: MakePlan, loader: MakeLoader
) -> None:
    table, plan = make_pairs(), make_plan()
    plain = next(loader(table, joint=[], augment={}).epoch(plan)).images
    batch = next(loader(table, joint=[Flip()], augment={"reference": [RotateTile()]}).epoch(plan))
    for slot in range(6):
        flip, quarters = batch.applied["flip"][slot], batch.applied["reference.quarters"][slot]
        wanted = plain["reference"][slot].numpy()[:, :: -1 if flip else 1]
        wanted = np.rot90(wanted, int(quarters))
        np.testing.assert_array_equal(batch.images["reference"][slot], wanted)


def test_a_field_of_view_of_the_batchs_size_needs_a_batch() -> None:
    with pytest.raises(ConfigError, match=r"FieldOfView\.degrees"):
        FieldOfView(degrees="size")(np.zeros((4, 8, 3), np.uint8), np.random.default_rng(0))

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from georet.data.loader import ImageLoader, PairLoader
from georet.errors import DataError
from georet.types import BatchPlan, PairTable

SIZE = {"query": (16, 32), "reference": (16, 16)}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("fault", ["missing", "empty", "truncated"])
def test_a_bad_image_is_named_whoever_reads_it(
    workers: int,
    fault: str,
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    table, plan = make_pairs(), make_plan()
    path = table.references.paths[int(plan.batches[1, 3])]
    data = path.read_bytes()
    path.unlink()
    if fault != "missing":
        path.write_bytes(b"" if fault == "empty" else data[: len(data) // 2])
    with loader(table, workers=workers) as pairs:
        batches = pairs.epoch(plan)
        next(batches)
        with pytest.raises(DataError, match=fault) as caught:
            next(batches)
        assert caught.value.where == str(path)
        assert caught.value.hint
        path.write_bytes(data)
        assert len(list(pairs.epoch(plan))) == 4


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_images_within_the_quota_become_grey_and_are_listed(
    workers: int,
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    table, plan = make_pairs(), make_plan()
    slot = int(plan.batches[1, 3])
    path = table.queries.paths[slot]
    path.write_bytes(b"")
    options: dict[str, object] = {"joint": [], "augment": {}, "workers": workers}
    with loader(table, bad_image_quota=0.05, **options) as pairs:
        batches = list(pairs.epoch(plan)) + list(pairs.epoch(plan))
        assert pairs.bad_images == {path: "the image is empty (0 bytes)"}
    assert (batches[1].images["query"][3] == 127).all()
    assert not (batches[1].images["reference"][3] == 127).all()


@pytest.mark.parametrize("workers", [0, 2])
def test_more_bad_images_than_the_quota_end_the_run(
    workers: int,
    make_pairs: Callable[..., PairTable],
    make_plan: Callable[..., BatchPlan],
    loader: Callable[..., PairLoader],
) -> None:
    table = make_pairs()
    for path in table.queries.paths[:3]:
        path.write_bytes(b"no image")
    with loader(table, bad_image_quota=0.05, workers=workers) as pairs:
        with pytest.raises(DataError, match=r"3 of 48 images can't be read") as caught:
            list(pairs.epoch(make_plan()))
        assert str(table.queries.paths[0]) in str(caught.value)


def test_an_image_loader_lists_bad_images_too(make_pairs: Callable[..., PairTable]) -> None:
    table = make_pairs(11).queries
    table.paths[5].unlink()
    images = ImageLoader(table, size=(16, 24), batch_size=4, bad_image_quota=0.1)
    pixels = torch.cat([tensor.clone() for _, tensor in images])
    assert (pixels[5] == 127).all()
    assert list(images.bad_images) == [table.paths[5]]

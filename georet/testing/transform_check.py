"""The check for transforms, joint ones and those of single images."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np

from georet.contracts.asking import asks_for
from georet.contracts.transforming import (
    ImageTransform,
    JointTransform,
    TransformContext,
    Visit,
)
from georet.testing.expect import expect
from georet.testing.synthetic import made_up_pairs
from georet.types import QUERY, REFERENCE, PairTable, Pixels

_NUM_DRAWS = 20
Views = dict[str, Pixels]
Sizes = dict[str, tuple[int, int]]


def check_transform(
    transform: JointTransform | ImageTransform,
    *,
    query_size: tuple[int, int] = (32, 64),
    reference_size: tuple[int, int] = (48, 48),
    pairs: PairTable | None = None,
) -> None:
    """Raise AssertionError unless a transform keeps its contract, joint or not.

    Checked over twenty draws at as many moments of a run: uint8 images of the sizes given come
    back; the generator and the context alone decide what happens; what was given is not changed;
    the same names are reported every time; it survives the way to a loader process. ``pairs``
    replaces the made-up table, for transforms that read metadata columns.
    """
    rng = np.random.default_rng(0)
    sizes = {QUERY: query_size, REFERENCE: reference_size}
    images: Views = {
        view: rng.integers(0, 256, size=(*size, 3), dtype=np.uint8) for view, size in sizes.items()
    }
    table = made_up_pairs(4) if pairs is None else pairs
    sent: Any = pickle.loads(pickle.dumps(transform))  # noqa: S301 - pickled on this very line
    reports: list[Mapping[str, float]] = []
    for number in range(_NUM_DRAWS):
        given = copy.deepcopy(images)
        result, reported = _applied(transform, given, table, sizes, number)
        reports.append(reported)
        _check_images(result, images)
        is_whole = list(given) == list(images)
        expect(
            is_whole and all(np.array_equal(given[view], images[view]) for view in images),
            "the transform changes the images it was given",
            "Work on a copy: image.copy(), dict(images)",
        )
        again, reported_again = _applied(sent, copy.deepcopy(images), table, sizes, number)
        expect(
            all(np.array_equal(again[view], result[view]) for view in images)
            and reported_again == reported,
            "the same generator gave two different results",
            "Draw from the rng that is passed in, from nothing else, and keep no state",
        )
    every = {name for reported in reports for name in reported}
    missed = sorted(name for name in every if any(name not in reported for reported in reports))
    expect(
        not missed,
        f"{', '.join(missed)} is reported now and then only",
        "Report on every call, 0 where nothing was done: losses look for the name in every batch",
    )


def _check_images(result: Any, images: Views) -> None:
    names = list(result) if isinstance(result, dict) else type(result)
    expect(
        isinstance(result, dict) and list(result) == list(images),
        f"a joint transform gave back {names}",
        f"Return a dict of the views that came in: {list(images)}",
    )
    for view, image in images.items():
        found = result[view]
        expect(
            isinstance(found, np.ndarray) and found.dtype == np.uint8,
            f"the {view} came back as {getattr(found, 'dtype', type(found).__name__)}",
            "Return uint8: np.clip(values, 0, 255).astype(np.uint8)",
        )
        expect(
            found.shape == image.shape,
            f"the {view} came back as {found.shape}, it was {image.shape}",
            "Keep height, width and channels; a turn by 90 degrees needs a square image",
        )


def _applied(
    transform: Any, images: Views, table: PairTable, sizes: Sizes, number: int
) -> tuple[Any, Mapping[str, float]]:
    """Return what a transform makes of a pair in one of the run's batches, and its reports."""
    rng, row = np.random.default_rng(number), number % len(table)
    shown = dict(zip(table.views, table.pairs[row].tolist(), strict=True))
    epoch, step = divmod(number, 4)
    visit = Visit(table, row, epoch, step, number / _NUM_DRAWS, sizes, sizes, shown)
    wants = asks_for(transform, "context")

    def call(given: Any, view: str | None) -> Any:
        context = {"context": TransformContext(visit, view)} if wants else {}
        return transform(given, rng, **context)

    if getattr(transform, "joint", False):
        return call(images, None), visit.applied
    return {view: call(image, view) for view, image in images.items()}, visit.applied

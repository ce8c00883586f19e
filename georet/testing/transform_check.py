"""The check for transforms, joint ones and those of single images."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from georet.contracts.training import ImageTransform, JointTransform
from georet.testing.expect import expect
from georet.types import QUERY, REFERENCE, Pixels

_NUM_DRAWS = 20
Views = dict[str, Pixels]


def check_transform(
    transform: JointTransform | ImageTransform,
    *,
    query_size: tuple[int, int] = (32, 64),
    reference_size: tuple[int, int] = (48, 48),
) -> None:
    """Raise AssertionError unless a transform keeps its contract, joint or not.

    Checked over twenty draws: uint8 images of the sizes given come back; the generator alone
    decides what happens; what was given is not changed; it survives the way to a loader process.
    """
    is_joint = bool(getattr(transform, "joint", False))
    rng = np.random.default_rng(0)
    images: Views = {
        view: rng.integers(0, 256, size=(*size, 3), dtype=np.uint8)
        for view, size in ((QUERY, query_size), (REFERENCE, reference_size))
    }
    apply = _joint(transform) if is_joint else _single(transform)
    sent = pickle.loads(pickle.dumps(transform))  # noqa: S301 - pickled on this very line
    apply_sent = _joint(sent) if is_joint else _single(sent)
    for seed in range(_NUM_DRAWS):
        given = copy.deepcopy(images)
        result: Any = apply(given, np.random.default_rng(seed))
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
        is_whole = list(given) == list(images)
        expect(
            is_whole and all(np.array_equal(given[view], images[view]) for view in images),
            "the transform changes the images it was given",
            "Work on a copy: image.copy(), dict(images)",
        )
        again = apply_sent(copy.deepcopy(images), np.random.default_rng(seed))
        expect(
            all(np.array_equal(again[view], result[view]) for view in images),
            "the same generator gave two different results",
            "Draw from the rng that is passed in, from nothing else, and keep no state",
        )


def _joint(transform: object) -> Callable[[Views, np.random.Generator], Views]:
    return cast("Callable[[Views, np.random.Generator], Views]", transform)


def _single(transform: object) -> Callable[[Views, np.random.Generator], Views]:
    function = cast(ImageTransform, transform)
    return lambda images, rng: {view: function(image, rng) for view, image in images.items()}

import itertools
from dataclasses import replace

import numpy as np
import pytest

from georet.errors import DataError
from georet.testing import check_transform
from georet.testing.synthetic import made_up_pairs


class Flip:
    joint = True

    def __call__(self, images, rng):
        step = -1 if rng.random() < 0.5 else 1
        return {view: image[:, ::step] for view, image in images.items()}


class Darken:
    joint = False

    def __call__(self, image, rng):
        return (image * rng.uniform(0.7, 1)).astype(np.uint8)


class Rotates(Darken):
    def __call__(self, image, rng):
        return np.rot90(image)


class KeepsFloats(Darken):
    def __call__(self, image, rng):
        return image * 0.5


class WritesOver(Darken):
    def __call__(self, image, rng):
        image[:4] = 0
        return image


class DrawsElsewhere(Darken):
    numbers = itertools.count()

    def __call__(self, image, rng):
        return image + np.uint8(next(self.numbers))


class LosesAView(Flip):
    def __call__(self, images, rng):
        return {"query": images["query"]}


class DropsAViewInPlace(Flip):
    def __call__(self, images, rng):
        result = dict(images)
        images.pop("reference")
        return result


@pytest.mark.parametrize("transform", [Flip(), Darken()])
def test_a_sound_transform_passes(transform):
    check_transform(transform)


def test_a_quarter_turn_passes_on_square_images_only():
    check_transform(Rotates(), query_size=(32, 32))
    with pytest.raises(AssertionError, match=r"came back as \(64, 32, 3\)"):
        check_transform(Rotates())


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (KeepsFloats(), "came back as float64"),
        (WritesOver(), "changes the images"),
        (DrawsElsewhere(), "two different results"),
        (LosesAView(), r"gave back \['query'\]"),
        (DropsAViewInPlace(), "changes the images"),
    ],
)
def test_a_broken_transform_fails_with_the_reason(transform, words):
    with pytest.raises(AssertionError, match=words):
        check_transform(transform)


class Turns:
    """Turns the tile and says how far; looks at all that a context has."""

    joint = True

    def __call__(self, images, rng, context):
        assert 0 <= context.progress < 1
        assert context.view is None
        assert context.sizes["reference"] == (48, 48)
        quarters = int(rng.integers(0, 4))
        context.report("quarters", quarters)
        return images | {"reference": np.rot90(images["reference"], quarters)}


class SpeaksSometimes(Turns):
    def __call__(self, images, rng, context):
        if context.epoch % 2:
            context.report("odd", 1)
        return images


def test_a_transform_that_asks_for_a_context_gets_one():
    check_transform(Turns())


def test_a_report_that_comes_now_and_then_fails():
    with pytest.raises(AssertionError, match="odd is reported now and then only"):
        check_transform(SpeaksSometimes())


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(DataError, match="no column 'yaw_rad'"):
        check_transform(ReadsYaw())
    pairs = made_up_pairs(3)
    check_transform(ReadsYaw(), pairs=replace(pairs, columns={"yaw_rad": np.arange(3.0)}))
    assert set(ReadsYaw.seen) == {0.0, 1.0, 2.0}


class ReadsYaw(Darken):
    seen: list[float] = []  # noqa: RUF012

    def __call__(self, image, rng, context):
        self.seen.append(float(context.column("yaw_rad")))
        return image

import itertools

import numpy as np
import pytest

from georet.testing import check_transform


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

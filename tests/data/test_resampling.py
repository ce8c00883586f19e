"""The compiled resampling: the pixels are Pillow's, and cost much less."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image

from georet.data.resampling import resample, taps
from georet.data.resizing import resize

FILTERS = {"triangle": Image.Resampling.BILINEAR, "box": Image.Resampling.BOX}


def by_pillow(image, size, how):
    """Rows first made narrow, then fewer: since 13 Pillow chooses the order by the shape."""
    narrow = Image.fromarray(image).resize((size[1], len(image)), FILTERS[how])
    return np.array(narrow.resize((size[1], size[0]), FILTERS[how]))


@pytest.mark.parametrize("how", FILTERS)
@pytest.mark.parametrize("most", [12, 90, 700])
def test_pixels_are_those_of_pillow_to_the_bit_whatever_the_sizes(how, most):
    rng = np.random.default_rng(most)
    for _ in range(40):
        *shape, height, width = (int(length) for length in rng.integers(1, most, 4))
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        found = resample(image, (height, width), how)
        assert np.array_equal(found, by_pillow(image, (height, width), how)), (shape, height, width)


@pytest.mark.parametrize(("source", "size"), [((512, 512), (384, 384)), ((224, 1232), (140, 768))])
def test_usual_shrinks_are_those_of_pillow_in_one_call(source, size):
    image = np.random.default_rng(1).integers(0, 256, (*source, 3), dtype=np.uint8)
    whole = Image.fromarray(image).resize((size[1], size[0]), FILTERS["triangle"])
    assert np.array_equal(resize(image, size, "bilinear-antialias"), np.array(whole))


@pytest.mark.parametrize("value", [0, 255])
def test_an_even_image_stays_even(value):
    image = np.full((301, 417, 3), value, np.uint8)
    for size in [(1, 1), (97, 31), (300, 500)]:
        assert np.ptp(resample(image, size, "triangle")) == 0
        assert resample(image, size, "box")[0, 0, 0] == value


def test_a_view_with_holes_is_resampled_like_its_copy():
    image = np.random.default_rng(2).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    view = image[::2, ::-1]
    assert np.array_equal(
        resample(view, (9, 13), "triangle"), resample(view.copy(), (9, 13), "triangle")
    )


def test_weights_of_a_place_sum_to_one():
    for num_in, num_out in [(512, 384), (7, 100), (3000, 1)]:
        sums = taps(num_in, num_out, "triangle").weights.sum(axis=1, dtype=np.int64)
        assert np.abs(sums / 2**22 - 1).max() < 1e-3


def test_it_takes_less_than_two_thirds_of_pillows_time():
    image = np.random.default_rng(3).integers(0, 256, (512, 512, 3), dtype=np.uint8)

    def seconds(work):
        spent = []
        for _ in range(15):
            started = time.thread_time()
            work()
            spent.append(time.thread_time() - started)
        return min(spent)

    pillow = seconds(
        lambda: np.array(Image.fromarray(image).resize((384, 384), FILTERS["triangle"]))
    )
    assert seconds(lambda: resample(image, (384, 384), "triangle")) < pillow * 2 / 3

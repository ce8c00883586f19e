"""Panoramas cut down to a limited field of view: which columns, and the same ones each time."""

from __future__ import annotations

import numpy as np
import pytest

from georet.data.transforms.field_of_view import Crop, FieldOfView
from georet.errors import ConfigError
from georet.testing import check_transform

PANORAMA = np.broadcast_to(np.arange(36, dtype=np.uint8)[None, :, None], (4, 36, 3))


def columns(image):
    return image[0, :, 0].tolist()


@pytest.mark.parametrize(("degrees", "num"), [(360, 36), (180, 18), (90, 9), (70, 7)])
def test_an_aligned_view_is_the_middle_of_the_panorama(degrees, num):
    shown = columns(Crop(degrees)(PANORAMA, "a"))
    first = (36 - num) // 2
    assert shown == list(range(first, first + num))


def test_a_random_view_goes_round_the_seam_and_keeps_the_order_of_columns():
    starts = set()
    for number in range(60):
        shown = columns(Crop(180, "random")(PANORAMA, f"image {number}"))
        assert shown == [(shown[0] + step) % 36 for step in range(18)]
        starts.add(shown[0])
    assert len(starts) > 20
    assert any(start > 18 for start in starts)


def test_a_random_view_depends_on_seed_and_id_alone():
    shown = columns(Crop(90, "random", 5)(PANORAMA, "a"))
    assert shown == columns(Crop(90, "random", 5)(PANORAMA.copy(), "a"))
    others = [Crop(90, "random", 6)(PANORAMA, "a"), Crop(90, "random", 5)(PANORAMA, "b")]
    assert all(shown != columns(other) for other in others)


def test_the_whole_circle_at_random_is_a_roll():
    shown = columns(Crop(360, "random")(PANORAMA, "a"))
    assert sorted(shown) == list(range(36))
    assert shown != list(range(36))


def test_the_training_transform_cuts_before_the_resize():
    transform = FieldOfView(degrees=90)
    assert transform.before_resize
    shown = columns(transform(PANORAMA, np.random.default_rng(0)))
    assert len(shown) == 9
    aligned = FieldOfView(degrees=90, heading="aligned")
    assert columns(aligned(PANORAMA, np.random.default_rng(0))) == list(range(13, 22))


def test_the_whole_circle_keeps_the_contract_of_transforms():
    check_transform(FieldOfView(degrees=360))


def test_a_field_wider_than_the_circle_is_refused():
    with pytest.raises(ConfigError, match=r"FieldOfView\.degrees"):
        FieldOfView(degrees=400)

"""One function prepares images for the encoder, wherever one is used."""

from __future__ import annotations

import numpy as np
import pytest

from georet.config import FIRST_RULE
from georet.data import images, reading
from georet.data.images import RESIZE_RULE, preprocess, read_image, resize


def test_it_resizes_by_the_recorded_rule_and_does_nothing_else():
    image = np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8)
    assert RESIZE_RULE == "bilinear-antialias"
    assert np.array_equal(
        preprocess(image, (16, 24), RESIZE_RULE), resize(image, (16, 24), RESIZE_RULE)
    )
    assert preprocess(image, (30, 41), RESIZE_RULE) is image


def test_reading_and_loading_go_through_it(tmp_path, monkeypatch):
    import cv2

    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    marked = np.full((4, 4, 3), 7, np.uint8)
    monkeypatch.setattr(images, "preprocess", lambda image, size, rule: marked)
    assert read_image(path, size=(4, 4)) is marked
    assert reading.preprocess is preprocess


@pytest.mark.parametrize("size", [(16, 16), (7, 9)])
def test_the_rule_is_bilinear_at_half_pixel_centres(size):
    height, width = 12, 10
    ramp = np.arange(width, dtype=np.float64) * 20
    image = np.repeat(np.tile(ramp, (height, 1))[..., None], 3, axis=2).astype(np.uint8)
    found = preprocess(image, size, FIRST_RULE)[0, :, 0].astype(float)
    centres = (np.arange(size[1]) + 0.5) * width / size[1] - 0.5
    assert found == pytest.approx(np.interp(centres, np.arange(width), ramp), abs=1)

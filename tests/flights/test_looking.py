"""Which frames show nothing."""

from __future__ import annotations

import cv2
import numpy as np

from georet.flights.looking import is_blank


def test_night_caps_and_clouds_show_nothing():
    rng = np.random.default_rng(0)
    night = np.clip(rng.normal(3, 6, (300, 400, 3)), 0, 255).astype(np.uint8)
    veil = cv2.resize(
        rng.normal(0, 6, (6, 8)).astype(np.float32), (400, 300), interpolation=cv2.INTER_CUBIC
    )
    cloud = np.clip(225 + veil[:, :, None] + rng.normal(0, 3, (300, 400, 3)), 0, 255)
    assert is_blank(night)
    assert is_blank(cloud.astype(np.uint8))
    assert is_blank(np.full((2, 3, 3), 90, np.uint8))


def test_ground_is_not_blank(painted):
    assert not is_blank(painted(0)[:300, :400])
    hazy = (painted(0)[:300, :400] * 0.4 + 120).astype(np.uint8)
    assert not is_blank(hazy)

"""The refiner ``dense``: another sensor is no obstacle, another place is."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from georet.cameras.pose import Pose
from georet.contracts.refining import Camera
from georet.refiners import dense
from georet.refiners.channels import channels_of, drawn
from georet.refiners.dense import Dense, can_be_asked
from georet.refiners.sift import Sift

LOOK = (11.0, -7.0)


def other_sensor(image: np.ndarray) -> np.ndarray:
    """Return the ground as another sensor sees it: contrast turned round, one band, blurred."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    seen = 255 - 200 * (grey / 255) ** 1.4
    seen = cv2.GaussianBlur(seen, (0, 0), 2.5)
    return np.repeat(seen.astype(np.uint8)[:, :, None], 3, axis=2)


def told(heading: float, tilt: float, height: float = 50.0) -> Camera:
    """Return what telemetry says, a little wrong."""
    return Camera(
        heading_deg=heading + 3, tilt_deg=tilt + 1, roll_deg=0, height_m=height * 1.04, fov_deg=70
    )


@pytest.mark.parametrize(("heading", "tilt"), [(0, 0), (75, 0), (200, 20), (310, 35)])
def test_a_photo_of_another_sensor_is_placed(site, heading, tilt):
    pose = Pose.looking_at(LOOK, 50, math.radians(heading), math.radians(tilt))
    photo = site.photo(pose, image=other_sensor(site.image))
    found = Dense()(photo, [site.tile((140, 140)), site.tile((0, 0), row=1)], told(heading, tilt))
    assert found.is_accepted, found.reason
    assert found.tile == 1
    assert site.off_m(found.latlon, LOOK) < 1.0
    assert abs((found.heading_deg - heading + 180) % 360 - 180) < 2


@pytest.mark.parametrize("tilt", [0, 25])
def test_another_place_is_refused(site, elsewhere, tilt):
    photo = elsewhere.photo(Pose.looking_at(LOOK, 50, 1.0, math.radians(tilt)))
    found = Dense()(photo, [site.tile((0, 0)), site.tile((60, 60))], told(57, tilt))
    assert not found.is_accepted
    assert "fit by" in found.reason or "agree" in found.reason


def test_sift_hands_over_what_it_can_not_settle(site):
    pose = Pose.looking_at(LOOK, 50, math.radians(75), 0.1)
    photo = site.photo(pose, image=other_sensor(site.image))
    known = told(75, 5.7)
    alone = Sift(dense=False)(photo, [site.tile((0, 0))], known)
    assert not alone.is_accepted
    together = Sift()(photo, [site.tile((0, 0))], known)
    assert together.is_accepted, together.reason
    assert site.off_m(together.latlon, LOOK) < 1.0


@pytest.mark.parametrize("missing", ["heading_deg", "tilt_deg", "height_m", "fov_deg"])
def test_without_telemetry_it_says_what_it_needs(site, missing):
    values = {"heading_deg": 0.0, "tilt_deg": 0.0, "height_m": 50.0, "fov_deg": 70.0}
    known = Camera(**{name: value for name, value in values.items() if name != missing})
    assert not can_be_asked(known)
    photo = site.photo(Pose(0, 0, 50))
    assert "must be known" in Dense()(photo, [site.tile((0, 0))], known).reason


def test_channels_do_not_see_the_sign_of_contrast(site):
    image, mask = site.image[:200, :200], np.ones((200, 200), bool)
    one, other = channels_of(image, mask), channels_of(255 - image, mask)
    product = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
    assert product > 0.9


def test_a_drawn_piece_is_the_map_and_its_mask_where_it_is_seen(site):
    window = site.patch(np.zeros(2), 100)
    to_pixels = np.array([[4.0, 0, 200], [0, -4.0, 200], [0, 0, 1]])
    shown, mask = drawn(window.image, to_pixels, np.zeros(2), 50.0, 200)
    assert mask.all()
    assert np.abs(shown.astype(int) - window.image[100:300, 100:300].astype(int)).max() <= 1
    _, half = drawn(window.image, to_pixels, np.array([50.0, 0]), 50.0, 200)
    assert half[:, :95].all()
    assert not half[:, 101:].any()


def shadowed(ground: np.ndarray, moved_m: tuple[float, float]) -> np.ndarray:
    """Return faint ground under trees whose shadows lie so far east and north of them."""
    rng = np.random.default_rng(3)
    shade = np.ones(ground.shape[:2], np.float32)
    for _ in range(2500):
        at = rng.uniform(0, ground.shape[0], 2) + np.array(moved_m) * [4, -4]
        size = tuple(rng.uniform(6, 22, 2).tolist())
        cv2.ellipse(shade, (at.tolist(), size, rng.uniform(0, 180)), 0.35, -1)
    faint = 120 + (ground.astype(np.float32) - 120) * 0.12
    return np.clip(faint * cv2.GaussianBlur(shade, (0, 0), 1)[..., None], 0, 255).astype(np.uint8)


def shadows_of_another_hour(site):
    pose = Pose.looking_at(LOOK, 50, math.radians(40), 0.1)
    photo = site.photo(pose, image=shadowed(site.image, (3.0, 2.5)))
    tile = replace(site, image=shadowed(site.image, (0, 0))).tile((0, 0))
    return Dense()(photo, [tile], told(40, 5.7))


def test_shadows_of_another_hour_do_not_pull_a_photo_along(site):
    found = shadows_of_another_hour(site)
    assert not found.is_accepted or site.off_m(found.latlon, LOOK) < 1.0


def test_without_a_look_at_lit_ground_shadows_would_pull(site, monkeypatch):
    monkeypatch.setattr(dense, "LIT", -math.inf)
    found = shadows_of_another_hour(site)
    assert found.is_accepted
    assert site.off_m(found.latlon, LOOK) > 3.0

"""The refiner ``sift``: photos of known ground come back to the metre, wrong ground is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import Camera
from georet.refiners import sift
from georet.refiners.sift import Sift
from georet.testing.refiner_check import check_refiner

LOOK = (11.0, -7.0)


def pose_at(heading_deg: float, tilt_deg: float, height_m: float = 50.0, roll_deg: float = 0.0):
    return Pose.looking_at(
        LOOK, height_m, math.radians(heading_deg), math.radians(tilt_deg), math.radians(roll_deg)
    )


@pytest.mark.parametrize("tilt", [0, 5, 20, 40])
@pytest.mark.parametrize("heading", [0, 75, 180, 290])
def test_a_photo_comes_back_to_half_a_pixel_of_the_map(site, another_light, heading, tilt):
    photo = another_light(site.photo(pose_at(heading, tilt)))
    found = Sift()(photo, [site.tile((0, 0))], Camera(fov_deg=70))
    assert found.is_accepted, found.reason
    assert site.off_m(found.latlon, LOOK) < 0.125
    assert abs((found.heading_deg - heading + 180) % 360 - 180) < 0.5
    assert found.height_m == pytest.approx(50, rel=0.02)
    assert found.covariance_m2[0, 0] > (0.25 / 2) ** 2


def test_the_cameras_own_place_is_told_where_it_is_sure(site):
    pose = pose_at(60, 30)
    known = Camera(heading_deg=60, tilt_deg=30, height_m=50, fov_deg=70)
    found = Sift()(site.photo(pose), [site.tile((0, 0))], known)
    assert site.off_m(found.camera_latlon, pose.centre_m[:2]) < 1.0


@pytest.mark.parametrize("lens", [{"fov_deg": 70.0}, {}])
def test_corners_and_matches_lie_where_the_photo_shows_them(site, lens):
    pose = pose_at(120, 10)
    found = Sift()(site.photo(pose), [site.tile((0, 0))], Camera(**lens))
    truth = Pinhole(Lens.of_fov(480, 360, math.radians(70)), pose)
    corners = site.tangent.metres(found.corners_latlon)
    assert corners == pytest.approx(truth.ground(truth.lens.corners)[:, :2], abs=0.5)
    assert 15 <= len(found.matches) <= 200
    ground = site.tangent.metres(found.matches[:, 2:])
    off = np.linalg.norm(truth.ground(found.matches[:, :2])[:, :2] - ground, axis=1)
    assert np.median(off) < 0.1
    assert off.max() < 1.0


def test_without_a_lens_the_middle_and_the_heading_are_found(site):
    found = Sift()(site.photo(pose_at(75, 0)), [site.tile((0, 0))], Camera())
    assert site.off_m(found.latlon, LOOK) < 0.125
    assert abs(found.heading_deg - 75) < 0.5
    assert found.camera_latlon is None
    assert found.height_m is None


def test_the_right_one_of_several_candidates_is_told(site, elsewhere):
    tiles = [elsewhere.tile((0, 0), row=0), site.tile((100, 100), row=1), site.tile((0, 0), row=2)]
    found = Sift()(site.photo(pose_at(75, 10)), tiles, Camera(fov_deg=70))
    assert found.tile == 2
    assert Sift(top=1)(site.photo(pose_at(75, 10)), tiles, Camera(fov_deg=70)).reason


@pytest.mark.parametrize("tilt", [0, 30])
def test_ground_that_the_map_does_not_show_is_refused(site, elsewhere, tilt):
    photo = elsewhere.photo(pose_at(75, tilt))
    told = Camera(heading_deg=75, tilt_deg=tilt, height_m=50, fov_deg=70)
    for known in (Camera(), Camera(fov_deg=70), told):
        found = Sift()(photo, [site.tile((0, 0)), site.tile((60, 60))], known)
        assert not found.is_accepted
        assert "are needed" in found.reason


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"height_m": 200.0}, "m high, not 200"),
        ({"heading_deg": 250.0}, "the heading would be"),
        ({"tilt_deg": 60.0}, "would be tilted"),
    ],
)
def test_a_fix_that_contradicts_telemetry_is_refused(site, known, said):
    found = Sift(dense=False)(
        site.photo(pose_at(75, 10)), [site.tile((0, 0))], Camera(fov_deg=70, **known)
    )
    assert not found.is_accepted
    assert said in found.reason


def test_a_mirrored_photo_is_refused(site):
    photo = np.ascontiguousarray(site.photo(pose_at(75, 10))[:, ::-1])
    found = Sift(dense=False)(photo, [site.tile((0, 0))], Camera(fov_deg=70))
    assert not found.is_accepted


def test_a_photo_without_content_is_refused(site):
    photo = np.full((360, 480, 3), 90, np.uint8)
    assert "0 matches" in Sift()(photo, [site.tile((0, 0))], Camera()).reason
    assert "no candidate" in Sift()(photo, [], Camera()).reason


def test_the_same_photo_gives_the_same_answer_whatever_was_asked_before(site, elsewhere):
    photo, tiles = site.photo(pose_at(75, 10)), [site.tile((0, 0))]
    fresh = Sift()(photo, tiles, Camera(fov_deg=70))
    used = Sift()
    used(elsewhere.photo(pose_at(10, 0)), tiles, Camera(fov_deg=70))
    again = used(photo, tiles, Camera(fov_deg=70))
    assert again.latlon == fresh.latlon
    assert np.array_equal(again.covariance_m2, fresh.covariance_m2)


def test_the_contract_of_refiners_is_kept():
    check_refiner(Sift, within_m=0.5)


def test_photos_of_like_heights_have_windows_in_common(site, monkeypatch):
    asked = []
    plain = sift.features_of
    monkeypatch.setattr(
        sift, "features_of", lambda image, **more: asked.append(more) or plain(image, **more)
    )
    refiner, tile = Sift(dense=False), site.tile((0, 0))
    for height in (50, 54, 58):
        photo = site.photo(pose_at(75, 0, height))
        known = Camera(heading_deg=75, tilt_deg=0, height_m=height, fov_deg=70)
        assert site.off_m(refiner(photo, [tile], known).latlon, LOOK) < 0.125
    assert sum("most" in one for one in asked) == 1

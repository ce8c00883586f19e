"""Calibration: what it promises holds on queries that it has not seen."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.gallery.files.additions import CALIBRATION
from georet.geodesy import distance_m
from georet.locate import Locator
from georet.locate.calibrating.calibrate import LEVELS, calibrate
from georet.locate.calibrating.fitting import confidence_knots, conformal_mass, threshold_for
from georet.locate.calibrating.page import calibration_page
from georet.locate.calibration import Calibration, own_calibration


@pytest.fixture
def embed(pixels):
    def embedded(images):
        return pixels.embed(np.stack([cv2.resize(image, (48, 48)) for image in images]))

    return embedded


def test_radii_hold_the_truth_as_often_as_they_say(calibrated, pixels, take):
    images, latlon = take(150, seed=8, noise=150.0)
    locations = Locator(calibrated, pixels, with_heat=False).locate(images)
    error_m = distance_m(np.array([one.latlon for one in locations]), latlon)
    within_90 = np.mean(error_m <= [one.radius_90_m for one in locations])
    within_50 = np.mean(error_m <= [one.radius_50_m for one in locations])
    # 80 photos were calibrated on: the share itself has a standard deviation of 4 and 6 points.
    assert 0.80 < within_90 <= 0.99
    assert 0.35 < within_50 < 0.65
    assert all(one.radius_50_m <= one.radius_90_m for one in locations)


def test_the_surest_photos_are_right_most_often(calibrated, pixels, take, ground):
    images, latlon = take(150, seed=8, noise=150.0)
    locations = Locator(calibrated, pixels, with_heat=False).locate(images)
    hit = [
        distance_m(np.array(one.latlon), at) <= one.reach_m
        for one, at in zip(locations, latlon, strict=True)
    ]
    confidence = np.array([one.confidence for one in locations])
    sure = np.argsort(-confidence)
    assert np.mean(np.array(hit)[sure[:75]]) >= np.mean(np.array(hit)[sure[75:]])
    assert 0 < confidence.min() <= confidence.max() < 1


def test_photos_of_nothing_are_left_open(calibrated, pixels):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 64, 3)).astype(np.uint8) for _ in range(20)]
    threshold = own_calibration(calibrated).threshold
    locations = Locator(calibrated, pixels).locate(noise)
    assert all(one.abstained is (one.confidence < threshold) for one in locations)
    assert np.mean([one.abstained for one in locations]) > 0.5


def test_a_calibration_survives_being_written_and_read(calibrated):
    own = own_calibration(calibrated)
    assert Calibration.from_bytes(own.as_bytes(), where="here") == own
    assert own.num_queries == 80
    assert own.held_out["seeds"] == [0]


def test_what_is_no_calibration_is_named():
    for content in (b"", b"[]", b'{"format": 1}', b'{"format": 1, "tuning": {"x": 1}}'):
        with pytest.raises(DataError, match="is no calibration"):
            Calibration.from_bytes(content, where="there")
    with pytest.raises(DataError, match="another version"):
        Calibration.from_bytes(b'{"format": 99}', where="there")


@pytest.mark.parametrize("owner", ["gallery", "encoder"])
def test_anothers_calibration_is_refused_by_name(calibrated, pixels, owner):
    key = "gallery_sha256" if owner == "gallery" else "weights_sha256"
    foreign = replace(own_calibration(calibrated), **{key: "ab" * 32})
    with pytest.raises(DataError, match=f"another {owner}: abab") as caught:
        Locator(calibrated, pixels, calibrated_by=foreign)
    assert CALIBRATION in str(caught.value.where)


def test_the_calibration_can_be_left_aside(calibrated, pixels, take):
    location = Locator(calibrated, pixels, uncalibrated=True).locate(take(1)[0])[0]
    assert location.radius_90_m is None


def test_another_calibration_takes_the_place_of_the_gallerys_own(calibrated, pixels, take):
    own = own_calibration(calibrated)
    lax = Locator(calibrated, pixels, calibrated_by=replace(own, threshold=0.0))
    photos = take(20)[0]
    assert not any(location.abstained for location in lax.locate(photos))
    assert any(location.abstained for location in Locator(calibrated, pixels).locate(photos))


def test_few_queries_are_refused(gallery, embed, take):
    images, latlon = take(39)
    with pytest.raises(DataError, match="39 queries are too few"):
        calibrate(gallery, embed(images), latlon, about="few")


def test_queries_of_another_place_are_refused(gallery, embed, take):
    images, latlon = take(40)
    with pytest.raises(DataError, match="40 of 40 queries were taken where the gallery has no"):
        calibrate(gallery, embed(images), latlon * (-1, 1), about="swapped")


def test_no_radius_is_said_to_hold_a_truth_beyond_all_tiles(gallery, embed, take):
    images, latlon = take(60)
    latlon[::3, 0] *= -1
    _, trials = calibrate(gallery, embed(images), latlon, about="a third off", seeds=(0,))
    is_held = trials[0].judged.error_m <= trials[0].radii_m[:, 1]
    assert trials[0].covered_at(0.9) == pytest.approx(is_held.mean(), abs=0.04)
    assert trials[0].covered_at(0.9) < 0.85


def test_a_precision_that_nothing_reaches_leaves_all_open():
    assert threshold_for(np.array([0.9, 0.5]), np.array([False, True]), 0.95) == 1.0


def test_a_precision_beyond_one_is_refused(gallery, embed, take):
    images, latlon = take(40)
    with pytest.raises(UsageError, match="precision is 95"):
        calibrate(gallery, embed(images), latlon, about="forty", precision=95)


def test_trials_cover_every_level_about_as_often_as_promised(gallery, embed, take):
    images, latlon = take(120, seed=4, noise=70.0)
    calibration, trials = calibrate(gallery, embed(images), latlon, about="120", seeds=(1, 2))
    covered = np.mean([trial.covered for trial in trials], axis=0)
    assert np.abs(covered - LEVELS).max() < 0.17
    assert np.all(np.diff(covered) >= 0)
    page = calibration_page(calibration, trials, "x<y.gallery")
    assert "x&lt;y.gallery" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_conformal_mass_is_the_right_order_statistic():
    masses = np.arange(1, 100) / 100
    assert conformal_mass(masses, 0.9) == pytest.approx(0.90)
    assert conformal_mass(masses[:5], 0.9) == 1.0


def test_confidence_never_falls_and_never_claims_certainty():
    rng = np.random.default_rng(0)
    mass = rng.random(500)
    hit = rng.random(500) < mass
    knots, confidence = confidence_knots(mass, hit)
    assert np.all(np.diff(knots) > 0)
    assert np.all(np.diff(confidence) >= 0)
    assert 0 < confidence[0] < confidence[-1] < 1
    assert np.interp(0.5, knots, confidence) == pytest.approx(0.5, abs=0.12)


def test_the_threshold_answers_as_many_as_the_precision_allows():
    confidence = np.array([0.9, 0.8, 0.8, 0.5, 0.2])
    hit = np.array([True, True, False, True, False])
    assert threshold_for(confidence, hit, 0.75) == 0.5
    assert threshold_for(confidence, hit, 0.6) == 0.2
    assert threshold_for(confidence, hit, 0.99) == 0.9

"""LightGlue by ONNX: the public signatures, executed; no real weights are part of the tests."""

from __future__ import annotations

import math

import numpy as np
import pytest

from georet.cameras.pose import Pose
from georet.contracts.refining import Camera
from georet.errors import DataError, UsageError
from georet_matchers.lightglue import LightGlue
from georet_matchers.refining import turned_back

GRID_M = 7.5
"""16 of 256 pixels that span 120 metres: so far apart are the drawn network's features."""
LOOK = (2 * GRID_M, -GRID_M)


def photo_of(site, heading_deg=0.0):
    """Return a photo of 120 m, looking down, as large as the window that it is matched with."""
    pose = Pose(*LOOK, 100.0, math.radians(heading_deg))
    return site.photo(pose, 2 * math.degrees(math.atan(0.6)), size=(480, 480))


@pytest.fixture(params=["whole", "parts"])
def refiner(request, whole, parts):
    def made(**how):
        if request.param == "whole":
            return LightGlue(model=whole, **how)
        return LightGlue(model=parts[0], matcher=parts[1], **how)

    return made


@pytest.mark.parametrize("heading", [0.0, 90.0, 180.0, 270.0])
def test_a_photo_is_placed_whatever_its_heading(site, elsewhere, refiner, heading):
    tiles = [elsewhere.tile((0, 0), row=0), site.tile((0, 0), row=1)]
    found = refiner()(photo_of(site, heading), tiles, Camera(fov_deg=61.9))
    assert found.is_accepted, found.reason
    assert found.tile == 1
    assert site.off_m(found.latlon, LOOK) < 1.0
    assert abs((found.heading_deg - heading + 180) % 360 - 180) < 1.0
    assert found.height_m == pytest.approx(100, rel=0.03)
    assert len(found.matches) >= 15


def test_a_known_heading_spares_the_other_turns(site, whole, monkeypatch):
    one = LightGlue(model=whole)
    asked = []
    inner = one.matches
    monkeypatch.setattr(one, "matches", lambda *pair: asked.append(1) or inner(*pair))
    camera = Camera(fov_deg=61.9, heading_deg=178.0)
    assert one(photo_of(site, 180.0), [site.tile((0, 0))], camera).is_accepted
    assert len(asked) == 1


def test_other_ground_is_refused_with_the_number_that_agrees(site, elsewhere, refiner):
    found = refiner()(photo_of(elsewhere), [site.tile((0, 0))], Camera(fov_deg=61.9))
    assert not found.is_accepted
    assert "matches agree, 15 are needed" in found.reason


def test_the_same_question_has_the_same_answer(site, refiner):
    photo, tiles = photo_of(site), [site.tile((0, 0))]
    first, second = (refiner()(photo, tiles, Camera(fov_deg=61.9)) for _ in range(2))
    assert first.latlon == second.latlon
    assert np.array_equal(first.covariance_m2, second.covariance_m2)


def test_no_candidates_and_tiny_photos_are_refused(site, whole):
    assert LightGlue(model=whole)(photo_of(site), [], Camera()).reason == "there is no candidate"
    dot = np.zeros((1, 1, 3), np.uint8)
    assert not LightGlue(model=whole)(dot, [site.tile((0, 0))], Camera()).is_accepted


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_points_of_a_turned_picture_come_back(quarters):
    image = np.zeros((40, 60), np.uint8)
    image[7, 21] = 1
    (row,), (column,) = np.nonzero(np.rot90(image, -quarters))
    found = turned_back(np.array([[column + 0.5, row + 0.5]]), quarters, 60, 40)
    assert found.tolist() == [[21.5, 7.5]]


def test_files_that_are_none_are_named(tmp_path, parts):
    with pytest.raises(DataError, match="no such file"):
        LightGlue(model=tmp_path / "no.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(DataError, match="is no ONNX that can be executed"):
        LightGlue(model=tmp_path / "bad.onnx")
    with pytest.raises(DataError, match="wanted one picture"):
        LightGlue(model=parts[1])
    with pytest.raises(UsageError, match="rotations is 3"):
        LightGlue(model=parts[0], rotations=3)


def test_an_extractor_without_a_matcher_is_no_known_signature(site, parts):
    with pytest.raises(DataError, match="no known signature"):
        LightGlue(model=parts[0])(photo_of(site), [site.tile((0, 0))], Camera())

"""What is asked of photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from georet.errors import UsageError
from georet.ground.region import Region
from georet.locate import question
from georet.locate.prior import Prior
from georet.locate.question import Question

NEAR = Prior((48.0, 16.0), 5000.0)


def test_less_than_one_candidate_is_refused():
    with pytest.raises(UsageError, match="k is 0"):
        Question(k=0)


def test_a_shared_prior_stays_one_value():
    assert Question(prior=NEAR).priors([Path("a"), Path("b")]) is NEAR


def test_a_photo_without_a_position_keeps_the_shared_prior(monkeypatch):
    at = {Path("a"): (47.0, 15.0), Path("b"): None}
    monkeypatch.setattr(question, "exif_latlon", at.get)
    found = Question(prior=NEAR, gps_radius_m=30.0).priors(list(at))
    assert found == [Prior((47.0, 15.0), 30.0), NEAR]


def test_it_says_in_plain_values_what_was_asked():
    asked = Question(k=3, region=Region.box(1, 2, 3, 4), prior=NEAR, fuse=True).as_json()
    assert asked["near"] == [48.0, 16.0, 5000.0]
    assert asked["region"] == Region.box(1, 2, 3, 4).describe()
    assert (asked["k"], asked["fuse"], asked["gps_radius_m"]) == (3, True, None)

"""A track's points: their ellipses, and their way through JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from georet.tracks.points import Ellipse, TrackPoint


def point(**changes):
    values = {
        "name": "flight.mp4#t=1.500",
        "latlon": (47.1234567, 8.5),
        "covariance_m2": np.array([[9.0, 2.0], [2.0, 4.0]]),
        "source": "matched",
        "time_s": 1.5,
        "anchor_age_frames": 0,
        "heading_deg": 85.25,
    }
    return TrackPoint(**values | changes)


def test_an_ellipse_holds_95_percent_of_what_scatters_by_its_covariance():
    covariance = np.array([[9.0, 2.0], [2.0, 4.0]])
    east, north = np.random.default_rng(1).multivariate_normal([0, 0], covariance, 40_000).T
    ellipse = Ellipse.of(covariance)
    bearing = np.radians(ellipse.bearing_deg)
    along = east * np.sin(bearing) + north * np.cos(bearing)
    across = east * np.cos(bearing) - north * np.sin(bearing)
    inside = (along / ellipse.major_m) ** 2 + (across / ellipse.minor_m) ** 2 <= 1
    assert 0.945 < inside.mean() < 0.955
    assert along.std() > 1.3 * across.std()


def test_the_longer_axis_of_what_scatters_eastward_bears_90_degrees():
    ellipse = Ellipse.of(np.diag([100.0, 1.0]))
    assert ellipse.bearing_deg == pytest.approx(90)
    assert ellipse.major_m == pytest.approx(24.477, abs=1e-3)


def test_a_point_comes_back_from_its_record():
    record = json.loads(json.dumps(point().as_record()))
    back = TrackPoint.of_record(record)
    assert back is not None
    assert back.as_record() == record
    assert (back.name, back.source, back.utc_s) == ("flight.mp4#t=1.500", "matched", None)


def test_a_photo_of_no_flight_gives_no_point():
    assert TrackPoint.of_record({"photo": "a.jpg", "latitude": 1.0, "longitude": 2.0}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"latlon": (91.0, 0.0)},
        {"source": "guessed"},
        {"covariance_m2": np.zeros((2, 2))},
        {"covariance_m2": np.array([[1.0, 2.0], [2.0, 1.0]])},
    ],
)
def test_what_is_no_point_is_refused(changes):
    with pytest.raises(ValueError, match=r"latlon|source|covariance"):
        point(**changes)

"""Priors: what is typed, and how a place that is known roughly weighs."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.locate.prior import Prior, parse_near


def test_a_prior_is_read_from_text():
    assert parse_near("48.2,-16.4,50km") == Prior((48.2, -16.4), 50_000.0)
    assert parse_near("48.2,16.4,300").radius_m == 300


@pytest.mark.parametrize("text", ["", "48.2,16.4", "a,b,5km", "48,16,-3km", "48,16,5 miles"])
def test_a_prior_that_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError):
        parse_near(text)


def test_a_prior_off_the_earth_is_refused():
    with pytest.raises(UsageError, match="latitude 148"):
        parse_near("148.2,16.4,50km")
    with pytest.raises(DataError, match="latitude"):
        Prior((148.2, 16.4), 50_000)


def test_a_prior_far_smaller_than_the_tiles_still_prefers_the_one_it_lies_in():
    prior = Prior((48.0, 16.0), 10_000)
    latlon = np.array([[48.0, 18.0], [48.0, 22.0], [48.0, 26.0]])
    logs = prior.log(latlon, np.full(3, 420_000.0))
    assert logs[0] > logs[1] + 4
    assert logs[1] > logs[2]
    assert logs[0] > prior.log(latlon)[0] + 4


def test_a_prior_is_strongest_at_its_point_and_never_forbids():
    prior = Prior((0.0, 179.9), 50_000.0)
    log = prior.log(np.array([[0.0, 179.9], [0.0, -179.9], [0.0, 0.0]]))
    assert log[0] == pytest.approx(0, abs=1e-6)
    assert -1 < log[1] < 0
    assert log[2] == pytest.approx(np.log(1e-3))

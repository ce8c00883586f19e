"""UTM against what can be known without the formula, and there and back."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import ConfigError
from georet.geodesy import distance_m
from georet_datasets.readers.utm import Zone, zone_of

QUARTER_MERIDIAN_M = 10_001_965.729
"""From the equator to a pole of WGS84 along a meridian."""


def test_a_published_position_has_its_easting_and_northing():
    cn_tower = np.array([[43 + 38 / 60 + 33.24 / 3600, -(79 + 23 / 60 + 13.7 / 3600)]])
    np.testing.assert_allclose(
        Zone(17, "N").from_latlon(cn_tower), [[630_084, 4_833_438]], atol=1.0
    )


def test_the_central_meridian_keeps_its_scaled_arc_length():
    pole = Zone(31, "N").from_latlon(np.array([[89.999999, 3.0]]))
    assert pole[0, 0] == pytest.approx(500_000)
    assert pole[0, 1] == pytest.approx(0.9996 * QUARTER_MERIDIAN_M, abs=0.2)


def test_the_equator_is_at_zero_or_ten_thousand_kilometres():
    equator = np.array([[0.0, 147.0]])
    np.testing.assert_allclose(Zone(55, "N").from_latlon(equator), [[500_000, 0]], atol=1e-6)
    np.testing.assert_allclose(Zone(55, "S").from_latlon(equator), [[500_000, 1e7]], atol=1e-6)


def test_positions_come_back_from_the_plane():
    rng = np.random.default_rng(0)
    latlon = np.stack([rng.uniform(-80, 0, 200), rng.uniform(144, 150, 200)], axis=1)
    zone = Zone(55, "S")
    back = zone.to_latlon(zone.from_latlon(latlon))
    assert distance_m(latlon, back).max() < 1e-3


def test_canberra_lies_in_its_zone():
    parliament = np.array([[-35.3081, 149.1245]])
    zone = zone_of("55S")
    assert zone.holds(parliament)
    assert not zone.holds(-parliament)
    east, north = zone.from_latlon(parliament)[0]
    assert 690_000 < east < 697_000
    assert 6_085_000 < north < 6_095_000


@pytest.mark.parametrize("text", ["0N", "61S", "55", "S55", "55X"])
def test_what_is_no_zone_is_refused(text):
    with pytest.raises(ConfigError, match="no UTM zone"):
        zone_of(text)

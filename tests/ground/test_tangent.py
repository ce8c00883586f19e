"""Metres in the plane that touches the Earth."""

from __future__ import annotations

import numpy as np
import pytest

from georet.ground.tangent import Tangent
from georet.ground.wgs84 import span_m, square_corners


@pytest.mark.parametrize("place", [(47.4, 8.5), (-33.0, 179.99), (0.0, 0.0), (78.0, -120.0)])
def test_metres_and_places_give_each_other_back(place):
    plane = Tangent(*place)
    metres = np.random.default_rng(0).uniform(-20_000, 20_000, (50, 2))
    assert np.allclose(plane.metres(plane.latlon(metres)), metres, atol=1e-3)


def test_a_metre_east_is_a_metre_and_lies_east():
    plane = Tangent(60.0, 10.0)
    east, north = plane.latlon(np.array([[1000.0, 0.0], [0.0, 1000.0]]))
    assert east[1] > 10
    assert east[0] == pytest.approx(60, abs=2e-3)
    assert north[1] == pytest.approx(10)
    assert span_m(np.array([60.0, 10.0]), east) == pytest.approx(1000, abs=1e-3)
    assert span_m(np.array([60.0, 10.0]), north) == pytest.approx(1000, abs=2e-2)


def test_its_square_is_the_square_of_tiles():
    corners = square_corners(np.array([[47.0, 8.0]]), np.array([400.0]))[0]
    found = Tangent(47.0, 8.0).metres(corners)
    wanted = [[-200, 200], [200, 200], [200, -200], [-200, -200]]
    assert np.allclose(found, wanted, atol=1e-3)

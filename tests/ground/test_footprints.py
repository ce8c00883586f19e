"""Footprints as polygons: across the antimeridian, at the poles, and their bounds."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from georet.ground.footprints import bounds_latlon, footprints_wkb


def unit(num: int, size: int = 64, seed: int = 0) -> np.ndarray:
    raw = np.random.default_rng(seed).normal(size=(num, size)).astype(np.float32)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def box(west: float, south: float, east: float, north: float) -> np.ndarray:
    return np.array([[north, west], [north, east], [south, east], [south, west]], np.float64)


@settings(max_examples=50, deadline=None)
@given(
    west=st.floats(-180, 180),
    width=st.floats(0.01, 90),
    south=st.floats(-85, 80),
    height=st.floats(0.01, 5),
)
def test_footprints_keep_their_area_and_stay_on_the_map(
    west: float, width: float, south: float, height: float
) -> None:
    corners = box(west, south, west + width, south + height)
    shape = shapely.from_wkb(footprints_wkb(corners[None])[0])
    assert shape.is_valid
    assert shape.area == pytest.approx(width * height)
    assert -180 <= shape.bounds[0] <= shape.bounds[2] <= 180
    beyond = min(180 - west, west + width - 180)
    if abs(beyond) > 1e-9:  # of less than that nothing may be left
        assert (shape.geom_type == "MultiPolygon") == (beyond > 0)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("turned", [0.0, 30.0])
def test_a_footprint_round_a_pole_holds_it(sign: int, turned: float) -> None:
    longitude = np.array([-135, -45, 45, 135.0])[::sign] + turned
    corners = np.stack([np.full(4, 80.0 * sign), longitude], axis=1)
    shape = shapely.from_wkb(footprints_wkb(corners[None])[0])
    assert shape.is_valid
    assert shape.bounds == (-180, min(80 * sign, 90 * sign), 180, max(80 * sign, 90 * sign))
    assert shape.area == pytest.approx(360 * 10)


def test_a_tilted_footprint_across_the_antimeridian_is_cut_there() -> None:
    ring = np.array([[1, 180.0], [0, 181], [-1, 180], [0, 179]])
    shape = shapely.from_wkb(footprints_wkb(ring[None])[0])
    assert [part.area for part in shape.geoms] == pytest.approx([1, 1])
    assert sorted(part.bounds[0] for part in shape.geoms) == [-180, 179]


def test_bounds_take_the_narrow_way_round() -> None:
    assert bounds_latlon(np.stack([box(5, 40, 6, 41), box(-3, 10, -2, 11)])) == [-3, 10, 6, 41]
    across = np.stack([box(179, 40, 181, 41), box(-179.5, 10, -178, 11), box(170, 0, 171, 1)])
    assert bounds_latlon(across) == [170, 0, -178, 41]
    round_ = np.stack([box(west, 0, west + 90, 1) for west in (-180, -90, 0, 90)])
    assert bounds_latlon(round_) == [-180, 0, 180, 1]
    polar = np.stack([np.full(4, -80.0), [135, 45, -45, -135.0]], axis=1)[None]
    assert bounds_latlon(np.concatenate([polar, box(3, 4, 5, 6)[None]])) == [-180, -90, 180, 6]

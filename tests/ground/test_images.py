"""The ground that the images of a table show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.ground.images import corners_of, sides_of, without_ground
from georet.ground.wgs84 import mean_side_m, span_m, square_corners
from georet.types import ImageTable

LATLON = np.array([[47.0, 8.0], [-10.0, 179.999], [60.0, -5.0]])
SIDES = np.array([100.0, 500.0, np.nan])


def images(**fields):
    ids = [f"tile{i}" for i in range(len(LATLON))]
    return ImageTable(ids, [Path(i) for i in ids], **fields)


def test_a_side_makes_a_square_whose_top_points_where_the_heading_says():
    plain = corners_of(images(latlon=LATLON, side_m=SIDES))
    np.testing.assert_array_equal(plain[:2], square_corners(LATLON[:2], SIDES[:2]))
    assert np.isnan(plain[2]).all()
    headings = np.array([90.0, np.nan, 0])
    turned = corners_of(images(latlon=LATLON, side_m=SIDES, heading_deg=headings))
    # A quarter turn clockwise: the top left corner lies where the top right one was.
    assert span_m(turned[0], np.roll(plain[0], -1, axis=0)) == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(turned[1], plain[1])


def test_footprints_that_are_told_count_before_squares():
    told = np.full((3, 4, 2), np.nan)
    told[2] = square_corners(LATLON[2:], np.array([50.0]))[0]
    table = images(latlon=LATLON, side_m=SIDES, corners_latlon=told)
    np.testing.assert_array_equal(corners_of(table)[2], told[2])
    np.testing.assert_array_equal(corners_of(table)[:2], square_corners(LATLON[:2], SIDES[:2]))
    assert sides_of(table)[:2].tolist() == [100, 500]
    assert sides_of(table)[2] == mean_side_m(told[2:])[0] == pytest.approx(50, rel=1e-6)
    assert without_ground(table).tolist() == []


def test_what_ground_an_image_shows_may_be_unknown():
    assert np.isnan(corners_of(images())).all()
    assert np.isnan(sides_of(images())).all()
    assert without_ground(images(side_m=np.ones(3))).tolist() == [0, 1, 2]
    assert without_ground(images(latlon=LATLON)).tolist() == [0, 1, 2]
    assert without_ground(images(latlon=LATLON, side_m=SIDES)).tolist() == [2]

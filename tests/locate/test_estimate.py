"""From beliefs to places: modes on the sphere, and how belief lies about them."""

from __future__ import annotations

import numpy as np
import pytest

from georet.geodesy import distance_m, unit_vectors
from georet.locate.estimate import place_of, spread_of
from georet.locate.field import best_of
from georet.locate.layout import Layout
from georet.locate.tuning import Tuning
from georet.sources.images import square_table

SIDE_M = 10_000.0


def layout_of(latlon):
    latlon = np.asarray(latlon, np.float64)
    ids = [str(row) for row in range(len(latlon))]
    return Layout.of(square_table(ids, latlon, np.full(len(latlon), SIDE_M)))


def grid(lat, lon, num=5, step=0.04):
    at = step * (np.arange(num) - num // 2)
    return [(lat + dy, (lon + dx + 180) % 360 - 180) for dy in at for dx in at]


@pytest.mark.parametrize("middle", [(0.0, 10.0), (60.0, 180.0), (-75.0, -179.99)])
def test_tiles_that_agree_place_the_photo_between_them(middle):
    latlon = np.array(grid(*middle))
    truth = np.array([middle[0] + 0.015, middle[1]])
    away_m = distance_m(latlon, truth)
    field = best_of((1 - (away_m / 20_000) ** 2).astype(np.float32), None)
    place = place_of(field, layout_of(latlon), Tuning(sharpness=20.0))
    error_m = float(distance_m(np.array(place.latlon), truth))
    best_m = float(away_m.min())
    assert error_m < 0.5 * best_m


def test_a_crowd_that_agrees_beats_one_loud_stranger():
    crowd = grid(10.0, 10.0, num=3)
    merits = np.array([0.80] * len(crowd) + [0.82], np.float32)
    layout = layout_of([*crowd, (50.0, 50.0)])
    place = place_of(best_of(merits, None), layout, Tuning(sharpness=20.0))
    assert float(distance_m(np.array(place.latlon), np.array([10.0, 10.0]))) < SIDE_M


def test_one_tile_alone_is_the_place():
    place = place_of(best_of(np.ones(1, np.float32), None), layout_of([(90.0, 0.0)]), Tuning())
    assert place.latlon[0] == pytest.approx(90.0, abs=1e-6)
    assert place.row == 0


def test_spacing_is_the_step_of_a_grid_and_at_most_the_side():
    dense, alone = layout_of(grid(0.0, 0.0, num=7)), layout_of([(0.0, 0.0), (40.0, 0.0)])
    assert np.median(dense.spacing_m(np.arange(len(dense)))) == pytest.approx(
        0.04 * 111_195, rel=0.01
    )
    assert alone.spacing_m(np.arange(2)).tolist() == [SIDE_M, SIDE_M]


def test_mass_and_radius_are_each_others_inverse():
    latlon = np.array(grid(20.0, 20.0))
    merits = np.random.default_rng(0).random(len(latlon)).astype(np.float32)
    layout = layout_of(latlon)
    point = unit_vectors(latlon[12])
    spread = spread_of(best_of(merits, None), layout, Tuning(sharpness=5.0), point)
    radii = [spread.radius_m(mass) for mass in (0.1, 0.5, 0.9, 0.99)]
    assert radii == sorted(radii)
    assert radii[0] > 0
    assert [spread.mass_within(r) for r in radii] == pytest.approx([0.1, 0.5, 0.9, 0.99], abs=1e-3)
    assert spread.mass_within(1e9) == pytest.approx(1)


def test_the_scatter_about_a_single_tile_is_that_of_a_gaussian():
    layout = layout_of([(0.0, 0.0)])
    spread = spread_of(
        best_of(np.ones(1, np.float32), None), layout, Tuning(spread=0.1), layout.points[0]
    )
    median_m = 0.1 * SIDE_M * np.sqrt(2 * np.log(2))
    assert spread.radius_m(0.5) == pytest.approx(median_m, rel=0.02)

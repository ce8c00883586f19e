from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from georet.geodesy import EARTH_RADIUS_M, distance_m, unit_vectors
from georet.types import Doubles
from georet_orbitview.camera import TILE_SIDE_M, draw_views, tile_ground
from georet_orbitview.grid import STEP_M, places
from georet_orbitview.splits import NUM_SAME_AREA, Split, in_region, split_places


@pytest.fixture(scope="module")
def full() -> Doubles:
    return places("full")


def split_of(latlon: Doubles, region: str) -> Split:
    return split_places(latlon, region, NUM_SAME_AREA["full"], seed=0)


def test_the_full_grid_has_the_published_numbers_of_places(full: Doubles) -> None:
    split = split_of(full, "americas")
    assert len(full) == pytest.approx(5048, abs=25)
    assert len(split.held_out) == pytest.approx(1534, abs=15)
    assert len(split.train) == pytest.approx(3114, abs=30)
    assert len(split.same_area) == 400
    assert len(split.margin) < 30


def test_places_stand_on_land_at_equal_distances(full: Doubles) -> None:
    distance, _ = cKDTree(unit_vectors(full)).query(unit_vectors(full), k=2)
    nearest_m = distance[:, 1] * EARTH_RADIUS_M
    assert nearest_m.min() > 0.97 * STEP_M["full"]
    assert np.percentile(nearest_m, 90) < 1.03 * STEP_M["full"]
    for lat, lon, is_land in ((23, 10, True), (48, 10, True), (0, -150, False), (-45, 80, False)):
        near_m = distance_m(full, [lat, lon]).min()
        assert (near_m < STEP_M["full"]) == is_land


@pytest.mark.parametrize("size", ["full", "mini"])
@pytest.mark.parametrize("heading", ["normal", "hard"])
def test_the_nearest_tile_of_every_photo_is_that_of_its_place(size: str, heading: str) -> None:
    latlon = places(size)
    tree = cKDTree(unit_vectors(latlon))
    for seed in range(2):
        views = draw_views(latlon, heading, np.random.default_rng(seed))
        _, nearest = tree.query(unit_vectors(views.target_latlon))
        assert np.array_equal(nearest, np.arange(len(latlon)))


@pytest.mark.parametrize("region", ["americas", "africa"])
def test_a_split_uses_every_place_once(full: Doubles, region: str) -> None:
    split = split_of(full, region)
    rows = np.concatenate([split.train, split.same_area, split.held_out, split.margin])
    assert np.array_equal(np.sort(rows), np.arange(len(full)))


@pytest.mark.parametrize("region", ["americas", "africa"])
def test_no_training_tile_shares_ground_with_a_held_out_tile(full: Doubles, region: str) -> None:
    split = split_of(full, region)
    held_out = full[split.held_out]
    used = full[np.concatenate([split.train, split.same_area])]
    near, _ = cKDTree(unit_vectors(held_out)).query(unit_vectors(used))
    close = used[near < 700_000 / EARTH_RADIUS_M]
    assert len(close) > 3
    assert not any(shares_ground(place, held_out) for place in close)


def test_dropping_no_margin_would_leak(full: Doubles) -> None:
    split = split_of(full, "americas")
    held_out = full[split.held_out]
    assert any(shares_ground(full[row], held_out) for row in split.margin)


def shares_ground(place: Doubles, tiles_latlon: Doubles) -> bool:
    """Whether a tile's pixels lie on one of the tiles [T, 2] that are anywhere near."""
    near = tiles_latlon[distance_m(place, tiles_latlon) < 900_000]
    return bool(is_on_a_tile(ground_points(*place), near).any())


def ground_points(lat: float, lon: float) -> Doubles:
    ground = tile_ground(float(np.radians(lat)), 24)
    angles = np.stack([ground.lat_rad, ground.lon_rad + np.radians(lon)], axis=-1)
    return unit_vectors(np.degrees(angles.astype(np.float64)).reshape(-1, 2))


def is_on_a_tile(points: Doubles, tiles_latlon: Doubles) -> Doubles:
    """Of points [M, 3] and tiles [T, 2], bool[M, T], by projecting onto each tile's plane."""
    lon = np.radians(tiles_latlon[:, 1])
    up = unit_vectors(tiles_latlon)
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], axis=1)
    height = points @ up.T
    x, y = points @ east.T / height, points @ np.cross(up, east).T / height
    half = TILE_SIDE_M / EARTH_RADIUS_M / 2
    return (height > 0) & (np.abs(x) < half) & (np.abs(y) < half)


def test_same_area_places_lie_among_training_places(full: Doubles) -> None:
    split = split_of(full, "americas")
    near, _ = cKDTree(unit_vectors(full[split.train])).query(unit_vectors(full[split.same_area]))
    assert np.mean(near * EARTH_RADIUS_M < 1.5 * STEP_M["full"]) > 0.95


def test_another_seed_draws_other_same_area_places(full: Doubles) -> None:
    other = split_places(full, "americas", 400, seed=1)
    assert not np.array_equal(split_of(full, "americas").same_area, other.same_area)


def test_africa_ends_at_its_seas_and_the_suez_canal() -> None:
    inside = [(30, 31), (-1, 37), (-34, 19), (-19, 47), (14, -16), (36, 9), (5, 46), (31, -8)]
    outside = [(29, 34), (21, 42), (37.5, 14), (38, -4), (15, 45), (35, 25), (-20, -45), (40, 9)]
    assert in_region(np.array(inside, float), "africa").all()
    assert not in_region(np.array(outside, float), "africa").any()


def test_the_mini_grid_has_both_regions_and_training_places() -> None:
    latlon = places("mini")
    assert 64 <= len(latlon) <= 200
    for region in ("americas", "africa"):
        split = split_places(latlon, region, NUM_SAME_AREA["mini"], seed=0)
        assert len(split.held_out) >= 16
        assert len(split.train) >= 48

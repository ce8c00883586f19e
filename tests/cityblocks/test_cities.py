from __future__ import annotations

import numpy as np
import pytest

from georet_cityblocks.building import City, make_city
from georet_cityblocks.scene import ASPHALT, CELL_M, IN_BOTH, PAINT, corners
from georet_cityblocks.streets import draw_streets, place_points


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(3, 0, 0)


def test_streets_hang_together_and_no_place_lies_apart():
    for seed in range(5):
        places = place_points(draw_streets(6, seed, 1))
        seen, todo = {0}, [0]
        while todo:
            for other in places.neighbours[todo.pop()]:
                if other >= 0 and other not in seen:
                    seen.add(int(other))
                    todo.append(int(other))
        assert len(seen) == len(places)


def test_places_on_a_street_are_evenly_spaced_between_its_junctions():
    streets = draw_streets(5, 3, 0)
    places = place_points(streets)
    for edge in range(len(streets.ends)):
        on = np.flatnonzero(places.edge == edge)
        start, along, length = streets.segment(edge)
        steps = np.diff([0.0, *places.along_m[on], length])
        assert np.allclose(steps, steps[0])
        assert 18 < steps[0] < 41
        np.testing.assert_allclose(places.xy_m[on], start + places.along_m[on, None] * along)
        assert (places.junction[on] == -1).all()


def test_bearings_lead_to_the_neighbours_and_back():
    places = place_points(draw_streets(5, 3, 0))
    for row in range(0, len(places), 7):
        for other, bearing in zip(places.neighbours[row], places.bearings_deg[row], strict=True):
            assert (other < 0) == np.isnan(bearing)
            if other >= 0:
                east, north = places.xy_m[other] - places.xy_m[row]
                assert np.allclose(np.degrees(np.arctan2(east, north)) % 360, bearing)
                back = places.bearings_deg[other][places.neighbours[other] == row]
                assert np.allclose((bearing + 180) % 360, back)


def test_no_house_stands_on_a_road(city):
    ground, low = city.scene.ground, city.scene.low
    is_house = city.scene.boxes[:, 9] == IN_BOTH
    assert is_house.sum() > 50
    for box in city.scene.boxes[is_house]:
        ring = corners(box)
        inside = np.concatenate([ring * 0.9 + ring.mean(axis=0) * 0.1, ring.mean(axis=0)[None]])
        columns, rows = np.floor((inside - low) / city.scene.ground_m).astype(int).T
        assert not np.isin(ground[rows, columns], (ASPHALT, PAINT)).any()


def test_every_solid_is_listed_in_the_cells_that_it_reaches_into(city):
    scene = city.scene
    for number in range(0, len(scene.boxes), 11):
        for point in corners(scene.boxes[number]):
            i, j = np.floor((point - scene.low) / CELL_M).astype(int)
            cell = j * scene.num_x + i
            assert number in scene.members[scene.start[cell] : scene.start[cell + 1]]


def test_the_same_seed_makes_the_same_city_and_another_one_another(city):
    again = make_city(3, 0, 0)
    for one, other in zip(city.scene, again.scene, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(make_city(3, 0, 1).streets.junctions, city.streets.junctions)
    assert not np.array_equal(make_city(3, 1, 0).streets.junctions, city.streets.junctions)

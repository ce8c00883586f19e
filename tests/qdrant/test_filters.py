"""Filters hold every point of their region, as the real engine with a geo index sees it."""

from __future__ import annotations

import numpy as np
import pytest

from georet.ground.region import Region
from georet_qdrant.edge import Edge
from georet_qdrant.engine import SIDE
from georet_qdrant.filters import GALLERY, MOST_CORNERS, PLACE, filter_of, of_rows, places

EDGES = [
    *[(90.0, 12.0), (-90.0, 12.0), (90.0, -180.0), (-90.0, 180.0)],
    *[(5.0, 180.0), (5.0, -180.0), (5.0, 179.99999999), (0.0, 0.0), (10.0, 20.0)],
]
"""Places where engines lose points: poles, 180 degrees, corners of boxes that are asked for."""


def ring(points):
    return {"type": "Polygon", "coordinates": [[*points, points[0]]]}


def star(num):
    angle = np.linspace(0, 2 * np.pi, num, endpoint=False)
    radius = 20 + 6 * np.sin(9 * angle) + np.sin(401 * angle)
    return ring(
        [[170 + r * np.cos(a), 10 + r * np.sin(a)] for r, a in zip(radius, angle, strict=True)]
    )


REGIONS = {
    "box": Region.box(10.0, 0.0, 20.0, 10.0),
    "box from the antimeridian": Region.box(-180.0, -20.0, -150.0, 30.0),
    "box to the antimeridian": Region.box(150.0, -20.0, 180.0, 30.0),
    "box across the antimeridian": Region.box(170.0, -45.0, -170.0, 10.0),
    "box around the Earth": Region.box(-180.0, 60.0, 180.0, 90.0),
    "box of one meridian": Region.box(180.0, -90.0, 180.0, 90.0),
    "box at the south pole": Region.box(0.0, -90.0, 20.0, -80.0),
    "box of a point": Region.box(20.0, 10.0, 20.0, 10.0),
    "circle": Region.radius((10.0, 20.0), 800_000.0),
    "circle around a pole": Region.radius((90.0, 0.0), 2_000_000.0),
    "circle over a pole": Region.radius((-85.0, 100.0), 1_500_000.0),
    "circle across the antimeridian": Region.radius((5.0, 179.5), 900_000.0),
    "half the Earth": Region.radius((20.0, -100.0), 10_000_000.0),
    "nearly all of the Earth": Region.radius((20.0, -100.0), 19_000_000.0),
    "the whole Earth": Region.radius((20.0, -100.0), 20_015_000.0),
    "small circle": Region.radius((10.0, 20.0), 1.0),
    "polygon": Region.polygon(ring([[0, 0], [30, 0], [30, 30], [0, 40]])),
    "polygon across the antimeridian": Region.polygon(ring([[170, -10], [-170, -10], [-170, 20]])),
    "polygon around a pole": Region.polygon(ring([[-180, 60], [180, 60], [180, 90], [-180, 90]])),
    "polygon with a hole": Region.polygon(
        {
            "type": "Polygon",
            "coordinates": [
                [[0, 0], [40, 0], [40, 40], [0, 40], [0, 0]],
                [[5, 5], [35, 5], [35, 35], [5, 35], [5, 5]],
            ],
        }
    ),
    "polygon of many corners": Region.polygon(star(9000)),
    "several at once": Region.box(0, 0, 60, 60) & Region.radius((20.0, 20.0), 2_000_000.0),
}


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """Return an engine that holds points all over the Earth, and at its edges, and their places."""
    rng = np.random.default_rng(4)
    wide = np.stack(
        [np.degrees(np.arcsin(rng.uniform(-1, 1, 6000))), rng.uniform(-180, 180, 6000)], 1
    )
    near = np.array([10.0, 20.0]) + rng.normal(0, 1e-5, (300, 2))
    latlon = np.concatenate([EDGES, wide, near])
    engine = Edge(tmp_path_factory.mktemp("filters"))
    engine.create("all", 2)
    payloads = [{PLACE: place, SIDE: 1.0, GALLERY: "g"} for place in places(latlon)]
    rows = np.arange(len(latlon))
    engine.upsert("all", rows, np.ones((len(rows), 2), np.float32), payloads)
    engine.settle("all")
    yield engine, latlon
    engine.close()


def held(engine, chosen):
    return np.sort(np.concatenate(list(engine.ids("all", chosen))))


@pytest.mark.parametrize("name", REGIONS)
def test_a_filter_holds_every_point_of_its_region_and_few_others(placed, name):
    engine, latlon = placed
    inside = np.flatnonzero(REGIONS[name].mask(latlon))
    found = held(engine, filter_of(REGIONS[name]))
    assert np.setdiff1d(inside, found).tolist() == []
    most = 0.02 if name == "polygon of many corners" else 0.001
    beyond = np.setdiff1d(found, inside)
    # Of the points that lie a metre apart, some are within the margin.
    assert len(beyond[beyond < len(latlon) - 300]) <= most * len(latlon) + 3
    assert engine.count("all", filter_of(REGIONS[name])) == len(found)


def test_each_edge_is_found_by_the_regions_that_it_lies_in(placed):
    engine, _ = placed
    assert set(held(engine, filter_of(REGIONS["box from the antimeridian"]))) >= {4, 5, 6}
    assert set(held(engine, filter_of(REGIONS["circle around a pole"]))) >= {0, 2}
    assert 8 in held(engine, filter_of(REGIONS["box of a point"]))


def test_a_filter_by_numbers_holds_those_alone(placed):
    engine, _ = placed
    assert held(engine, of_rows(np.array([3, 70, 4000]))).tolist() == [3, 70, 4000]


def test_an_outline_of_many_corners_is_made_coarser():
    (condition,) = filter_of(REGIONS["polygon of many corners"])["must"]
    parts = [one["geo_polygon"]["exterior"]["points"] for one in condition["should"]]
    assert len(parts) >= 2
    assert 50 < sum(map(len, parts)) <= MOST_CORNERS + 10

"""Regions: what lies in them, across the antimeridian and at the poles, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from georet.errors import DataError, GeoretError, UsageError
from georet.ground.region import Region

PLACES = np.array(
    [
        [47.4, 8.5],  # Zurich
        [-17.7, 178.1],  # Fiji
        [-13.8, -171.8],  # Samoa
        [-41.3, 174.8],  # Wellington
        [0.0, 180.0],
        [0.0, -180.0],
        [89.5, 30.0],
    ]
)


def inside(region):
    return np.flatnonzero(region.mask(PLACES)).tolist()


def ring(*corners):
    return [[list(corner) for corner in (*corners, corners[0])]]


def test_a_box_holds_what_lies_in_it_and_its_edge():
    assert inside(Region.box(8.5, 47, 9, 47.4)) == [0]
    assert inside(Region.box(-180, -90, 180, 90)) == list(range(7))


def test_a_box_whose_west_is_greater_goes_across_the_antimeridian():
    assert inside(Region.box(170, -45, -170, 10)) == [1, 2, 3, 4, 5]
    assert inside(Region.box(178, -45, 180, 10)) == [1, 4, 5]
    assert inside(Region.box(-180, -20, -171, 10)) == [2, 4, 5]
    assert inside(Region.box(170, -45, 190, 10)) == [1, 2, 3, 4, 5]


def test_a_circle_goes_across_antimeridian_and_pole():
    assert inside(Region.radius((-15.0, 179.9), 1_000_000)) == [1, 2]
    assert inside(Region.radius((89.5, -150.0), 120_000)) == [6]


def test_a_polygon_is_what_its_edges_hold():
    square = {"type": "Polygon", "coordinates": ring((8, 47), (9, 47), (9, 48), (8, 48))}
    holed = {
        "type": "Polygon",
        "coordinates": square["coordinates"]
        + ring((8.4, 47.3), (8.6, 47.3), (8.6, 47.5), (8.4, 47.5)),
    }
    assert inside(Region.polygon(square)) == [0]
    assert inside(Region.polygon(holed)) == []


CROSSINGS = {
    "beyond 180": ring((170, -45), (190, -45), (190, 10), (170, 10)),
    "the short way": ring((170, -45), (-170, -45), (-170, 10), (170, 10)),
    "from the west": ring((-170, 10), (170, 10), (170, -45), (-170, -45)),
    "below -180": ring((-190, -45), (-170, -45), (-170, 10), (-190, 10)),
}


@pytest.mark.parametrize("coordinates", CROSSINGS.values(), ids=CROSSINGS)
def test_polygons_across_the_antimeridian_however_they_are_written(coordinates):
    assert inside(Region.polygon({"type": "Polygon", "coordinates": coordinates})) == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_a_polygon_cut_at_the_antimeridian_is_joined():
    parts = [
        ring((170, -45), (180, -45), (180, 10), (170, 10)),
        ring((-180, -45), (-170, -45), (-170, 10), (-180, 10)),
    ]
    cut = {"type": "MultiPolygon", "coordinates": parts}
    assert inside(Region.polygon(cut)) == [1, 2, 3, 4, 5]


def test_a_hole_across_the_antimeridian_is_left_out():
    shell = ring((170, -45), (190, -45), (190, 10), (170, 10))
    hole = ring((177, -18), (-179, -18), (-179, -17), (177, -17))
    assert inside(Region.polygon({"type": "Polygon", "coordinates": shell + hole})) == [2, 3, 4, 5]


def test_the_whole_world_and_the_arctic_are_polygons_along_the_frame():
    world = ring((-180, -90), (180, -90), (180, 90), (-180, 90))
    arctic = ring((-180, 60), (180, 60), (180, 90), (-180, 90))
    assert inside(Region.polygon({"type": "Polygon", "coordinates": world})) == list(range(7))
    assert inside(Region.polygon({"type": "Polygon", "coordinates": arctic})) == [6]


def test_geojson_comes_as_feature_collection_or_file(tmp_path):
    near = {"type": "Polygon", "coordinates": ring((8, 47), (9, 47), (9, 48), (8, 48))}
    far = {"type": "Polygon", "coordinates": ring((174, -42), (175, -42), (175, -41), (174, -41))}
    features = [{"type": "Feature", "properties": {}, "geometry": g} for g in (near, far)]
    path = tmp_path / "both.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert inside(Region.polygon(features[1])) == [3]
    assert inside(Region.parse(str(path))) == [0, 3]
    assert inside(Region.polygon({"type": "GeometryCollection", "geometries": [near, far]})) == [
        0,
        3,
    ]


def test_what_is_typed_is_what_is_made():
    assert inside(Region.parse("box:170,-45,-170,10")) == [1, 2, 3, 4, 5]
    assert inside(Region.parse("near:47,8,100km")) == [0]
    assert inside(Region.parse("near:47,8,100m")) == []


def test_several_regions_hold_what_lies_in_all():
    both = Region.box(170, -45, -170, 10) & Region.radius((-41, 175), 500_000)
    assert inside(both) == [3]
    assert json.loads(json.dumps(both.describe())) == {
        "all_of": [
            {"box": [170, -45, -170, 10]},
            {"near_latlon": [-41.0, 175.0], "radius_m": 500_000},
        ]
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("box:1,2,3", "wanted 4 numbers"),
        ("box:1,2,3,x", "wanted 4 numbers"),
        ("box:nan,2,3,4", "wanted 4 numbers"),
        ("box:8,47,9,147", "latitude 147 is not in -90..90"),
        ("box:1,5,2,4", "south, 5, lies north"),
        ("box:999,5,2,6", "longitude 999"),
        ("near:147,8,5km", "swapped"),
        ("near:47,8", "wanted 2 numbers"),
        ("near:47,8,5miles", "is no length"),
        ("near:47,8,50000km", "radius"),
        ("circle:1,2,3", "is no region"),
        ("Switzerland", "is no region"),
    ],
)
def test_what_is_no_region_is_refused(text, what):
    with pytest.raises(UsageError, match=what):
        Region.parse(text)


@pytest.mark.parametrize(
    ("geojson", "what"),
    [
        ({"type": "Point", "coordinates": [8, 47]}, "holds no polygon, but 1 Point"),
        ({"type": "FeatureCollection", "features": []}, "holds no polygon"),
        ({"type": "Polygon", "coordinates": []}, "1 empty Polygon"),
        ({"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}, "four positions"),
        ({"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}, "four positions"),
        ({"type": "Polygon", "coordinates": [[[10**400, 1]] * 4]}, "four positions"),
        ({"type": "Polygon"}, "has no list 'coordinates'"),
        ({"type": "Polygon", "coordinates": ring((47, 120), (48, 120), (48, 121))}, "swapped"),
        ({"type": "Polygon", "coordinates": ring((0, 0), (1, 1), (1, 0), (0, 1))}, "Self-inter"),
        ({"type": "Polygon", "coordinates": ring((0, 0), (1, 1), (0, 0))}, "without sense"),
        ({"type": "Polygon", "coordinates": ring((0, 80), (120, 80), (-120, 80))}, "around a pole"),
        ({"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [5, 7], [6, 8]]]}, "not its first"),
        ([1, 2], "no GeoJSON object"),
    ],
)
def test_geojson_without_an_area_is_refused(geojson, what):
    with pytest.raises(UsageError, match=what):
        Region.polygon(geojson)


def test_a_missing_or_torn_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Region.parse(str(tmp_path / "missing.geojson"))
    (tmp_path / "torn.geojson").write_text('{"type": "Poly')
    with pytest.raises(GeoretError, match=r"torn\.geojson"):
        Region.parse(str(tmp_path / "torn.geojson"))


def test_endless_nesting_is_refused():
    nested = {"type": "Point", "coordinates": [0, 0]}
    for _ in range(5000):
        nested = {"type": "GeometryCollection", "geometries": [nested]}
    with pytest.raises(UsageError, match="nested too deeply"):
        Region.polygon(nested)

"""Regions as map programs write them: read right, or refused in words."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.ground.region import Region

pytest.importorskip("shapely")

SQUARE = [[[9, 46], [10, 46], [10, 47], [9, 47], [9, 46]]]
INSIDE, OUTSIDE = (46.5, 9.5), (48.5, 9.5)
POLYGON = {"type": "Polygon", "coordinates": SQUARE}


def feature(geometry):
    return {"type": "Feature", "properties": {}, "geometry": geometry}


def collection(*features, **members):
    return {"type": "FeatureCollection", "features": list(features), **members}


def crs(name):
    return {"crs": {"type": "name", "properties": {"name": name}}}


READ = {
    "a null geometry": collection(feature(None), feature(POLYGON)),
    "a point and a line beside it": collection(
        feature({"type": "Point", "coordinates": [0, 0]}),
        feature(POLYGON),
        feature({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}),
    ),
    "an empty polygon beside it": collection(
        feature({"type": "Polygon", "coordinates": []}), feature(POLYGON)
    ),
    "heights": feature(
        {"type": "Polygon", "coordinates": [[[*point, 500.0] for point in SQUARE[0]]]}
    ),
    "a collection of geometries": {
        "type": "GeometryCollection",
        "geometries": [{"type": "Point", "coordinates": [0, 0]}, POLYGON],
    },
    "no system named": collection(feature(POLYGON), crs=None),
    "CRS84": collection(feature(POLYGON), **crs("urn:ogc:def:crs:OGC:1.3:CRS84")),
    "EPSG:4326": collection(feature(POLYGON), **crs("EPSG:4326")),
    "EPSG::4326 as a URN": collection(feature(POLYGON), **crs("urn:ogc:def:crs:EPSG::4326")),
    "EPSG as a URL": {**POLYGON, **crs("http://www.opengis.net/def/crs/EPSG/0/4326")},
}


@pytest.mark.parametrize("case", READ)
def test_a_region_with_odd_company_is_read(case, tmp_path):
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps(READ[case]))
    assert Region.polygon(path).mask(np.array([INSIDE, OUTSIDE])).tolist() == [True, False]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_region_is_read_in_the_encodings_of_windows(encoding, tmp_path):
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps(POLYGON), encoding=encoding)
    assert Region.polygon(path).mask(np.array([INSIDE, OUTSIDE])).tolist() == [True, False]


def test_what_has_no_area_is_counted_and_told(capsys):
    point = {"type": "Point", "coordinates": [0, 0]}
    Region.polygon(collection(feature(None), feature(point), feature(point), feature(POLYGON)))
    told = capsys.readouterr().err
    assert "left out: 1 Feature without a geometry, 2 Point" in told


METRES = {"type": "Polygon", "coordinates": [[[-100, -50], [80, -50], [80, 50], [-100, -50]]]}
FAR = {"type": "Polygon", "coordinates": [[[5e5, 5e6], [6e5, 5e6], [6e5, 6e6], [5e5, 5e6]]]}
SWAPPED = {"type": "Polygon", "coordinates": [[[-33, 151], [-34, 151], [-34, 152], [-33, 151]]]}
REFUSED = {
    "metres near the origin": (
        collection(feature(METRES), **crs("urn:ogc:def:crs:EPSG::3857")),
        "`crs` says that coordinates are in urn:ogc:def:crs:EPSG::3857.*\n.*ogr2ogr",
    ),
    "a zone": ({**POLYGON, **crs("WGS 84 / UTM zone 32N")}, "UTM zone 32N"),
    "a system of one feature": (
        collection({**feature(POLYGON), **crs("EPSG:2056")}),
        "EPSG:2056",
    ),
    "a system by a link": (
        {**POLYGON, "crs": {"type": "link", "properties": {"href": "http://x/3857.prj"}}},
        "http://x/3857.prj",
    ),
    "a system by its number": (
        {**POLYGON, "crs": {"type": "EPSG", "properties": {"code": 21781}}},
        "21781",
    ),
    "metres without a word": (feature(FAR), "look like metres.*\n.*ogr2ogr"),
    "latitude first": (feature(SWAPPED), "swapped"),
    "no feature": (collection(), "holds no polygon"),
    "null geometries only": (
        collection(feature(None), feature(None)),
        "holds no polygon, but 2 Feature without a geometry",
    ),
    "lines only": (
        {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]]]},
        "but 1 MultiLineString",
    ),
    "another format": ({"type": "Topology", "arcs": []}, "Topology, which is no GeoJSON"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_region_in_degrees_is_refused_in_words(case):
    content, said = REFUSED[case]
    with pytest.raises(UsageError) as caught:
        Region.polygon(content)
    assert re.search(said, str(caught.value))


def test_a_file_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "area.geojson"
    path.write_text('{"type": "Polygon", ')
    with pytest.raises(DataError, match="can't be read as JSON"):
        Region.polygon(path)


def test_a_coast_of_half_a_million_corners_takes_seconds():
    turn = np.linspace(0, 2 * np.pi, 500_001)[:-1]
    ring = np.stack([9 + np.cos(turn), 46 + np.sin(turn)], axis=1).tolist()
    began = time.process_time()
    region = Region.polygon({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})
    found = region.mask(np.array([(46.0, 9.0), (46.9, 9.9)]))
    assert time.process_time() - began < 20
    assert found.tolist() == [True, False]

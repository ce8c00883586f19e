"""GPX, KML, KMZ, GeoPackage and CZML, held against their schemas and against GDAL."""

from __future__ import annotations

import json
import sqlite3
import zipfile

import cv2
import numpy as np
import pytest

from georet.geodesy import distance_m
from georet.locate.output.formats.czml import Czml
from georet.locate.output.formats.gpkg import GeoPackage
from georet.locate.output.formats.gpx import Gpx
from georet.locate.output.formats.kml import Kml
from georet.locate.output.formats.placed import number_text, printable
from georet.testing import check_output

GPX = "{http://www.topografix.com/GPX/1/1}"
KML = "{http://www.opengis.net/kml/2.2}"


@pytest.fixture(scope="session")
def validate(schemas):
    etree = pytest.importorskip("lxml.etree")

    class Local(etree.Resolver):
        """Finds what a schema imports from elsewhere in the same folder."""

        def resolve(self, address, _, context):
            path = schemas / address.rpartition("/")[2]
            return self.resolve_filename(str(path), context) if path.is_file() else None

    made = {}

    def valid(path, name):
        if name not in made:
            parser = etree.XMLParser(no_network=True)
            parser.resolvers.add(Local())
            made[name] = etree.XMLSchema(etree.parse(str(schemas / name), parser))
        tree = etree.parse(str(path))
        made[name].assertValid(tree)
        return tree.getroot()

    return valid


@pytest.mark.parametrize("output", [Gpx, Kml, GeoPackage, Czml])
def test_formats_keep_the_contract_of_outputs(output):
    check_output(output)


def test_gpx_is_valid_and_has_a_waypoint_a_photo(located, tmp_path, validate):
    Gpx().write(tmp_path / "out.gpx", located)
    root = validate(tmp_path / "out.gpx", "Topografix_gpx11.xsd")
    points = root.findall(f"{GPX}wpt")
    assert [point.find(f"{GPX}name").text for point in points][1] == (
        'näive, "quoted" & <tagged> 日本.jpg'
    )
    assert float(points[0].get("lat")) == pytest.approx(47.0012345, abs=1e-4)
    assert points[2].find(f"{GPX}type").text == "abstained"
    assert root.find(f"{GPX}trk") is None


def test_gpx_of_a_flight_is_a_track_with_times(flight, tmp_path, validate):
    Gpx().write(tmp_path / "out.gpx", flight)
    root = validate(tmp_path / "out.gpx", "Topografix_gpx11.xsd")
    points = root.findall(f".//{GPX}trkpt")
    assert len(points) == 6
    assert root.find(f"{GPX}wpt") is None
    assert points[1].find(f"{GPX}time").text == "2026-09-21T14:13:21.250Z"
    assert points[1].find(".//{urn:georet:gpx:1}source").text == "propagated"


def test_a_gpx_without_what_the_schema_wants_would_be_found(tmp_path, validate):
    (tmp_path / "bad.gpx").write_text(
        '<gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1" creator="x">'
        '<wpt lat="95" lon="8"/></gpx>'
    )
    with pytest.raises(Exception, match="95"):
        validate(tmp_path / "bad.gpx", "Topografix_gpx11.xsd")


def test_kml_is_valid_with_footprints_and_accuracies(located, tmp_path, validate):
    Kml().write(tmp_path / "out.kml", located)
    root = validate(tmp_path / "out.kml", "ogckml22.xsd")
    folders = {f.find(f"{KML}name").text: f for f in root.iter(f"{KML}Folder")}
    assert len(folders["Photos"].findall(f"{KML}Placemark")) == 4
    (footprint,) = folders["Footprints"].findall(f"{KML}Placemark")
    ring = footprint.find(f".//{KML}coordinates").text.split()
    assert ring[0] == ring[-1]
    assert len(ring) == 5
    assert len(folders["Nine times in ten"].findall(f"{KML}Placemark")) == 3
    candidates = folders["Candidates"].findall(f"{KML}Placemark")
    assert len(candidates) == 8
    crossing = candidates[1].findall(f".//{KML}Polygon")
    assert len(crossing) == 2, "a tile across the antimeridian is cut there"


def test_kml_of_a_flight_has_times_and_a_line(flight, tmp_path, validate):
    Kml().write(tmp_path / "out.kml", flight)
    root = validate(tmp_path / "out.kml", "ogckml22.xsd")
    line = root.find(f".//{KML}LineString/{KML}coordinates").text.split()
    assert len(line) == 6
    whens = [node.text for node in root.iter(f"{KML}when")]
    assert whens[0] == "2026-09-21T14:13:20.250Z"


def test_kmz_holds_pictures_of_pixels_alone(located, tmp_path, validate):
    photo = tmp_path / "a.jpg"
    cv2.imwrite(str(photo), np.full((700, 900, 3), 90, np.uint8))
    located.content[0]["photos"] = [str(photo)]
    Kml().write(tmp_path / "out.kmz", located)
    with zipfile.ZipFile(tmp_path / "out.kmz") as archive:
        assert sorted(archive.namelist()) == ["doc.kml", "photos/00001.jpg"]
        picture = archive.read("photos/00001.jpg")
        (tmp_path / "doc.kml").write_bytes(archive.read("doc.kml"))
    assert b"Exif" not in picture
    assert max(cv2.imdecode(np.frombuffer(picture, np.uint8), 1).shape) == 480
    root = validate(tmp_path / "doc.kml", "ogckml22.xsd")
    assert 'src="photos/00001.jpg"' in root.find(f".//{KML}description").text


def test_a_geopackage_opens_in_gdal(located, flight, tmp_path):
    pyogrio = pytest.importorskip("pyogrio")
    GeoPackage().write(tmp_path / "out.gpkg", located)
    layers = dict(pyogrio.list_layers(tmp_path / "out.gpkg").tolist())
    assert layers == {
        "places": "Point", "footprints": "Unknown", "candidates": "Unknown", "provenance": None,
    }  # fmt: skip
    facts, _, geometries, values = pyogrio.raw.read(tmp_path / "out.gpkg", layer="places")
    assert facts["crs"] == "EPSG:4326"
    shapely = pytest.importorskip("shapely")
    point = shapely.from_wkb(geometries[3])
    assert (point.y, point.x) == pytest.approx((47.0012345, 8.0012345), abs=1e-6)
    table = dict(zip(facts["fields"], values, strict=True))
    assert table["method"].tolist()[3] == "refined"
    assert table["abstained"].tolist() == [False, False, True, False]
    _, _, tiles, _ = pyogrio.raw.read(tmp_path / "out.gpkg", layer="candidates")
    shapes = shapely.from_wkb(tiles)
    assert all(shape.is_valid for shape in shapes)
    assert shapes[1].geom_type == "MultiPolygon"
    GeoPackage().write(tmp_path / "flight.gpkg", flight)
    info = pyogrio.read_info(tmp_path / "flight.gpkg", layer="track")
    assert (info["geometry_type"], info["features"]) == ("LineString", 1)


def test_a_geopackage_tells_where_its_answers_come_from(located, tmp_path):
    GeoPackage().write(tmp_path / "out.gpkg", located)
    with sqlite3.connect(tmp_path / "out.gpkg") as base:
        rows = dict(base.execute("SELECT key, value FROM provenance"))
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert base.execute("PRAGMA foreign_key_check").fetchall() == []
        assert base.execute("PRAGMA application_id").fetchone() == (0x47504B47,)
    assert json.loads(rows["gallery"])["name"] == "made-up"
    assert json.loads(rows["unreadable"])[0]["photo"] == "torn.jpg"


def test_gdal_reads_the_gpx_and_kml_too(located, flight, tmp_path):
    pyogrio = pytest.importorskip("pyogrio")

    def num(path, layer):
        return pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"]

    Gpx().write(tmp_path / "a.gpx", located)
    Gpx().write(tmp_path / "b.gpx", flight)
    assert num(tmp_path / "a.gpx", "waypoints") == 4
    assert num(tmp_path / "b.gpx", "track_points") == 6
    Kml().write(tmp_path / "a.kml", located)
    assert num(tmp_path / "a.kml", "Photos") == 4


def test_czml_has_a_document_first_and_a_flight_that_moves(located, flight, tmp_path):
    Czml().write(tmp_path / "a.czml", located)
    packets = json.loads((tmp_path / "a.czml").read_text())
    assert packets[0] == {"id": "document", "version": "1.0", "name": "Located in made-up"}
    assert len({packet["id"] for packet in packets}) == 5
    assert packets[4]["polygon"]["positions"]["cartographicDegrees"][:3] == [8.0, 47.002, 0]
    Czml().write(tmp_path / "b.czml", flight)
    moving = json.loads((tmp_path / "b.czml").read_text())[-1]
    assert moving["availability"] == "2026-09-21T14:13:20.250Z/2026-09-21T14:13:25.250Z"
    assert moving["position"]["cartographicDegrees"][4] == 1.0
    assert len(moving["position"]["cartographicDegrees"]) == 24


def test_czml_keeps_to_the_types_of_czml3(located, flight, tmp_path):
    czml3 = pytest.importorskip("czml3")
    for name, made in (("a", located), ("b", flight)):
        Czml().write(tmp_path / f"{name}.czml", made)
        packets = json.loads((tmp_path / f"{name}.czml").read_text())
        assert len(czml3.Document(packets=packets).packets) == len(packets)


def test_numbers_have_the_decimals_that_they_deserve(located, tmp_path):
    Gpx().write(tmp_path / "a.gpx", located)
    text = (tmp_path / "a.gpx").read_text()
    assert 'lat="47.0012" lon="8.0012"' in text, "300 m are worth four decimals"
    assert 'lat="47.001235" lon="8.001235"' in text, "a refined place is worth six"
    assert (number_text(0.25), number_text(12.34), number_text(1530.2)) == ("0.250", "12.3", "1530")


def test_an_accuracy_is_drawn_as_wide_as_it_is(flight, tmp_path):
    Kml().write(tmp_path / "a.kml", flight)
    from georet.locate.output.formats.placed import Placed

    one = Placed(flight.content[0], 1)
    away = distance_m(np.array(one.latlon), one.around)
    values = np.linalg.eigvalsh(one.record["covariance_m2"])
    assert away.max() == pytest.approx(2.146 * np.sqrt(values[1]), rel=0.01)
    assert away.min() == pytest.approx(2.146 * np.sqrt(values[0]), rel=0.01)


def test_text_that_xml_cannot_hold_is_written_out():
    assert printable("a\x00b\x1f\ud800c") == "a\\x00b\\x1f\\xd800c"

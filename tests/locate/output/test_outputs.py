"""The files that a batch leaves: GeoJSON, GeoParquet, CSV, JSON and the page."""

from __future__ import annotations

import csv
import json
import re
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from georet.geodesy import distance_m
from georet.locate import Locator
from georet.locate.output.answers import Answers
from georet.locate.output.batch import locate_batch
from georet.locate.output.journal import Journal
from georet.locate.output.page import page
from georet.locate.output.provenance import provenance
from georet.locate.output.records import accuracy_m
from georet.locate.output.writers import Csv, GeoJson, Json, Parquet
from georet.locate.question import Question
from georet.page.readable import degree_digits
from georet.testing.pixel_session import PixelSession

LON_RANGE = 180


@pytest.fixture
def located(calibrated, save_photos, tmp_path):
    """Return a journal of three located photos and an unreadable one, and its provenance."""
    photos, _ = save_photos(4)
    photos[3].write_bytes(b"broken")
    return run(calibrated, photos, tmp_path)


def run(gallery, photos, tmp_path):
    question, locator = Question(), Locator(gallery, PixelSession())
    journal = Journal(tmp_path / "journal", question.as_json())
    locate_batch(locator, photos, question, journal, quota=0.5, num_heats=9)
    return journal, provenance(locator, question)


def test_json_holds_records_provenance_and_what_was_unreadable(located, tmp_path):
    journal, facts = located
    Json().write(tmp_path / "out.json", Answers(journal, facts, None))
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["schema"] == 1
    assert len(found["locations"]) == 3
    assert found["provenance"]["gallery"]["num_tiles"] == 225
    assert found["provenance"]["calibration"]["num_queries"] == 80
    assert [bad["photo"][-13:] for bad in found["unreadable"]] == ["photo-003.png"]
    first = found["locations"][0]
    assert "heat" not in first
    assert first["radius_50_m"] < first["radius_90_m"]
    assert [candidate["rank"] for candidate in first["candidates"]] == [1, 2, 3, 4, 5]


def test_geojson_follows_the_standard(located, tmp_path):
    journal, facts = located
    GeoJson().write(tmp_path / "out.geojson", Answers(journal, facts, None))
    found = json.loads((tmp_path / "out.geojson").read_text())
    assert found["type"] == "FeatureCollection"
    kinds = [feature["properties"]["kind"] for feature in found["features"]]
    assert kinds == (["place"] + ["candidate"] * 5) * 3
    for feature in found["features"]:
        geometry = feature["geometry"]
        assert feature["type"] == "Feature"
        if geometry["type"] == "Point":
            x, y = geometry["coordinates"]
            assert 15 < x < 17
            assert 47 < y < 49
        else:
            check_ring(geometry["coordinates"][0])


def check_ring(ring):
    ring = np.array(ring)
    assert ring[0].tolist() == ring[-1].tolist()
    assert np.abs(ring[:, 0]).max() <= LON_RANGE
    (x, y), (nx, ny) = ring[:-1].T, ring[1:].T
    assert (x * ny - nx * y).sum() > 0, "rings run counterclockwise"


def test_footprints_across_the_antimeridian_are_cut_there(gallery_across_180, tmp_path):
    gallery, ground = gallery_across_180
    photo = tmp_path / "p.png"
    cv2.imwrite(str(photo), ground.cut(256, 256)[:, :, ::-1])
    journal, facts = run(gallery, [photo], tmp_path)
    GeoJson().write(tmp_path / "out.geojson", Answers(journal, facts, None))
    features = json.loads((tmp_path / "out.geojson").read_text())["features"]
    best = features[1]["geometry"]
    assert best["type"] == "MultiPolygon"
    sides = []
    for (ring,) in best["coordinates"]:
        check_ring(ring)
        sides.append(np.sign(np.array(ring)[:, 0]).max())
    assert sorted(sides) == [-1, 1]


def test_geoparquet_is_read_back_with_its_points(located, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    journal, facts = located
    Parquet().write(tmp_path / "out.parquet", Answers(journal, facts, None))
    table = pq.read_table(tmp_path / "out.parquet")
    geo = json.loads(table.schema.metadata[b"geo"])
    assert geo["columns"]["geometry"]["encoding"] == "WKB"
    assert json.loads(table.schema.metadata[b"georet"])["gallery"] == facts["gallery"]
    for row in table.to_pylist():
        order, kind, x, y = struct.unpack("<BIdd", row["geometry"])
        assert (order, kind) == (1, 1)
        assert (x, y) == (row["longitude"], row["latitude"])
        assert len(row["candidates"]) == 5


def test_csv_has_a_line_a_photo_and_no_formula(located, tmp_path):
    journal, facts = located
    record = next(journal.records())
    journal.append([(["=x"], {**record, "photo": "=HYPERLINK(1)"})], {})
    Csv().write(tmp_path / "out.csv", Answers(journal, facts, None))
    with (tmp_path / "out.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 4
    degrees = [float(lines[0][key]) for key in ("latitude", "longitude")]
    exact = [record["latitude"], record["longitude"]]
    assert distance_m(np.array(degrees), np.array(exact)) < accuracy_m(record) / 10
    assert len(lines[0]["latitude"].partition(".")[2]) == degree_digits(accuracy_m(record)) < 7
    assert lines[3]["photo"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize("output", [Json, GeoJson, Csv, Parquet])
def test_a_failed_write_leaves_no_half_file(located, tmp_path, output, monkeypatch):
    journal, facts = located

    def fail():
        yield next(iter(list(journal.__class__.records(journal))))
        raise RuntimeError("killed")

    monkeypatch.setattr(journal, "records", fail)
    path = tmp_path / f"out{output.suffixes[0]}"
    with pytest.raises(RuntimeError):
        output().write(path, Answers(journal, facts, None))
    assert not list(tmp_path.glob("*out*"))


def test_the_page_asks_for_nothing_from_outside(located, calibrated):
    journal, facts = located
    text = page(journal, facts, calibrated)
    assert "default-src &#x27;none&#x27;" in text
    assert "<script" not in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert not re.search(r"url\((?!data:)", text)
    assert "@import" not in text
    assert text.count("<section") == 4
    assert len(re.findall("<img ", text)) >= 3 * (2 + 5)


def test_the_page_has_maps_with_heat_circles_and_outlines(located, calibrated):
    journal, facts = located
    text = page(journal, facts, calibrated)
    assert "Belief over all 225 tiles" in text
    assert text.count('class="radius inner"') >= 3
    assert text.count('class="foot foot-1 first"') >= 3
    assert "1 could not be read" in text


def test_names_are_escaped_and_exif_does_not_get_out(calibrated, ground, tmp_path):
    photo = tmp_path / "<b>&.jpg"
    exif = Image.Exif()
    exif[0x010E] = "SECRET-CAMERA-NOTE"
    exif.get_ifd(0x8825).update({1: "N", 2: (1.0, 2.0, 3.0), 3: "E", 4: (4.0, 5.0, 6.0)})
    Image.fromarray(ground.cut(100, 100)).save(photo, exif=exif)
    journal, facts = run(calibrated, [photo], tmp_path)
    text = page(journal, facts, calibrated)
    assert "<b>&.jpg" not in text
    assert "&lt;b&gt;&amp;.jpg" in text
    import base64

    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    assert pictures
    assert all(b"SECRET" not in base64.b64decode(p) for p in pictures)
    assert all(b"Exif" not in base64.b64decode(p) for p in pictures)


def test_a_gallery_without_pictures_still_gives_a_page(tmp_path, ground, save_photos):
    from georet.facade import Gallery

    photos, _ = save_photos(1)
    session = PixelSession(view="reference")
    images = [cv2.resize(ground.cut(x, 100), (48, 48)) for x in (40, 100, 200)]
    from georet.sources.images import square_table

    tiles = square_table(
        ["a", "b", "c"], ground.latlon([40, 100, 200], [100] * 3), np.full(3, 640.0)
    )
    bare = Gallery.from_arrays(
        tmp_path / "bare", tiles, session.embed(np.stack(images)), session.identity
    )
    text = page(*run(bare, photos, tmp_path), bare)
    assert "no picture" in text
    assert "not calibrated" in text

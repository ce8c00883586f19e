"""What a whole photo tells: lens, direction, size; and never its position unasked."""

from __future__ import annotations

import math
from io import BytesIO

import pytest
from PIL import Image

from georet.photos.camera.lens import PRESETS, focal_of_35mm, fov_of_focal, preset
from georet.photos.camera.photo import camera_facts

MAKE, MODEL, ORIENTATION, TAKEN = 0x010F, 0x0110, 0x0112, 0x9003
FOCAL, FOCAL_35, PLANE_X, PLANE_UNIT, PIXELS_X, ZOOM = (
    0x920A,
    0xA405,
    0xA20E,
    0xA210,
    0xA002,
    0xA404,
)
DJI = "http://www.dji.com/drone-dji/1.0/"


@pytest.fixture
def photo(tmp_path):
    """Return what writes a JPEG with EXIF (root, Exif directory, GPS) and XMP."""

    def write(root=None, exif=None, gps=None, *, xmp="", size=(400, 300), name="photo.jpg"):
        tags = Image.Exif()
        tags.update(root or {})
        tags.get_ifd(0x8769).update(exif or {})
        tags.get_ifd(0x8825).update(gps or {})
        buffer = BytesIO()
        packet = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-'
            f'rdf-syntax-ns#"><rdf:Description xmlns:d="{DJI}" {xmp}/></rdf:RDF></x:xmpmeta>'
        )
        options = {"xmp": packet.encode()} if xmp else {}
        Image.new("RGB", size, (90, 120, 60)).save(buffer, "JPEG", exif=tags, **options)
        path = tmp_path / name
        path.write_bytes(buffer.getvalue())
        return path

    return write


def test_a_drones_photo_tells_its_camera(photo):
    path = photo(
        {MAKE: "DJI\0", MODEL: "FC6310"},
        {FOCAL_35: 24, TAKEN: "2026:05:01 10:20:30"},
        xmp='d:GimbalYawDegree="12.5" d:GimbalPitchDegree="-90" d:RelativeAltitude="+80.1"',
        size=(547, 364),
    )
    facts = camera_facts(path)
    assert (facts.maker, facts.model) == ("DJI", "FC6310")
    assert facts.taken_at == "2026:05:01 10:20:30"
    assert facts.size == (547, 364)
    # 3:2, as 35-mm film: 24 mm before 36 mm of width.
    assert facts.fov_deg.value == pytest.approx(2 * math.degrees(math.atan(18 / 24)), abs=0.1)
    camera = facts.camera()
    assert camera.heading_deg == 12.5
    assert camera.tilt_deg == 0
    assert camera.height_m == pytest.approx(80.1)
    assert camera.height_sigma == pytest.approx(0.15)
    assert camera.fov_deg == facts.fov_deg.value


def test_a_turned_photos_field_of_view_is_that_of_its_upright_width(photo):
    lying = camera_facts(photo({}, {FOCAL_35: 24}))
    standing = camera_facts(photo({ORIENTATION: 6}, {FOCAL_35: 24}, name="standing.jpg"))
    assert lying.size == (400, 300)
    assert standing.size == (300, 400)
    focal = focal_of_35mm(24, (400, 300))
    assert lying.fov_deg.value == pytest.approx(fov_of_focal(focal, 400))
    assert standing.fov_deg.value == pytest.approx(fov_of_focal(focal, 300))


@pytest.mark.parametrize(
    ("exif", "xmp", "wanted", "source"),
    [
        # 10 mm before a sensor of 20 mm: 45 degrees either side, in each unit.
        ({FOCAL: 10.0, PLANE_X: 400 / 20 * 25.4, PLANE_UNIT: 2}, "", 90, "FocalPlane"),
        ({FOCAL: 10.0, PLANE_X: 400 / 20 * 10, PLANE_UNIT: 3}, "", 90, "FocalPlane"),
        ({FOCAL: 10.0, PLANE_X: 400 / 20 * 1, PLANE_UNIT: 4}, "", 90, "FocalPlane"),
        # A copy at a tenth of the size: the density is the original's.
        (
            {FOCAL: 10.0, PLANE_X: 4000 / 20 * 10, PLANE_UNIT: 3, PIXELS_X: 4000},
            "",
            90,
            "FocalPlane",
        ),
        ({FOCAL_35: 24}, 'd:CalibratedFocalLength="200.0"', 90, "CalibratedFocalLength"),
        ({PIXELS_X: 4000}, 'd:CalibratedFocalLength="2000.0"', 90, "CalibratedFocalLength"),
    ],
)
def test_every_way_of_telling_a_lens_gives_its_field_of_view(photo, exif, xmp, wanted, source):
    fov = camera_facts(photo({}, exif, xmp=xmp)).fov_deg
    assert fov.value == pytest.approx(wanted, abs=0.1)
    assert source in fov.source


@pytest.mark.parametrize(
    ("exif", "reason"),
    [
        ({FOCAL_35: 1}, "FocalLengthIn35mmFilm is 1 mm"),
        ({FOCAL: 10.0, PLANE_X: 1.0, PLANE_UNIT: 2}, "a sensor of"),
        ({FOCAL: 10.0, PLANE_X: 1e6, PLANE_UNIT: 2}, "a sensor of"),
    ],
)
def test_a_lens_that_can_not_be_is_refused(photo, exif, reason):
    facts = camera_facts(photo({}, exif))
    assert facts.fov_deg is None
    assert reason in facts.refused[0]


def test_no_lens_is_told_by_nothing_and_by_zeros(photo):
    assert camera_facts(photo()).fov_deg is None
    facts = camera_facts(photo({}, {FOCAL_35: 0, FOCAL: 0.0}))
    assert facts.fov_deg is None
    assert facts.refused == ()


def test_a_digital_zoom_is_said(photo):
    assert "zoom of 2" in camera_facts(photo({}, {FOCAL_35: 48, ZOOM: 2.0})).fov_deg.note


@pytest.mark.parametrize(
    ("ref", "sigma", "note"), [("T", 10, ""), ("M", 20, "magnetic"), (None, 20, "unnamed")]
)
def test_a_phones_direction_is_read_and_believed_by_its_north(photo, ref, sigma, note):
    gps = {17: 275.5} | ({16: ref} if ref else {})
    heading = camera_facts(photo({}, {}, gps)).heading_deg
    assert heading.value == 275.5
    assert heading.sigma == sigma
    assert note in heading.note


def test_a_direction_beyond_a_turn_is_refused(photo):
    facts = camera_facts(photo({}, {}, {16: "T", 17: 400.0}))
    assert facts.heading_deg is None
    assert "GPSImgDirection" in facts.refused[0]


def test_the_gimbal_comes_before_the_compass(photo):
    path = photo(
        {}, {}, {16: "T", 17: 100.0}, xmp='d:GimbalYawDegree="10" d:GimbalPitchDegree="-80"'
    )
    assert camera_facts(path).heading_deg.value == 10


def test_a_position_is_read_only_when_asked(photo):
    gps = {1: "S", 2: (10.0, 30.0, 0.0), 3: "E", 4: (20.0, 15.0, 0.0), 5: b"\0", 6: 400.0}
    path = photo({}, {}, gps, xmp='d:AbsoluteAltitude="+412.5"')
    unasked = camera_facts(path)
    assert unasked.latlon is None
    assert unasked.altitude_m is None
    asked = camera_facts(path, with_position=True)
    assert asked.latlon == pytest.approx((-10.5, 20.25))
    assert asked.altitude_m.value == 412.5


def test_a_preset_is_found_by_name_and_an_unknown_one_shows_the_nearest():
    assert preset("DJI Mavic 3") is PRESETS["dji-mavic-3"]
    with pytest.raises(Exception, match="no camera 'dji-mavic-33'") as caught:
        preset("dji-mavic-33")
    assert "dji-mavic-3" in str(caught.value)

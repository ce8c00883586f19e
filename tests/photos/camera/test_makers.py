"""Attitude and height as makers write them: read right, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from georet.photos.camera.makers import facts_in
from georet.photos.camera.photo import camera_facts
from georet.photos.camera.xmp import values_of

DJI = "http://www.dji.com/drone-dji/1.0/"
PARROT = "http://www.parrot.com/drone-parrot/1.0/"
SKYDIO = "https://www.skydio.com/drone-skydio/1.0/"
PIX4D = "http://pix4d.com/camera/1.0/"
AUTEL = "http://www.autelrobotics.com/drone/1.0/"
SPHERE = "http://ns.google.com/photos/1.0/panorama/"


def attributes(space: str, prefix: str = "m", **values: object) -> str:
    """Return an RDF description with the values as attributes."""
    inside = " ".join(f'{prefix}:{name}="{value}"' for name, value in values.items())
    return f'<rdf:Description rdf:about="" xmlns:{prefix}="{space}" {inside}/>'


def elements(space: str, prefix: str = "m", **values: object) -> str:
    """Return an RDF description with the values as elements."""
    inside = "".join(f"<{prefix}:{n}>{value}</{prefix}:{n}>" for n, value in values.items())
    return f'<rdf:Description xmlns:{prefix}="{space}">{inside}</rdf:Description>'


def gimbal(yaw: object, pitch: object, roll: object = "+0.00", **more: object) -> dict[str, object]:
    return {"GimbalYawDegree": yaw, "GimbalPitchDegree": pitch, "GimbalRollDegree": roll, **more}


def told(xmp: str, **options):
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        f'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{xmp}</rdf:RDF></x:xmpmeta>'
    ).encode()
    return facts_in(values_of(packet), **options)


SKYDIO_OLD = (
    f'<rdf:Description xmlns:s="{SKYDIO}" s:RelativeAltitude="42.5"><s:CameraOrientationNED '
    's:Roll="1.0" s:Pitch="-60.0" s:Yaw="200.0"/></rdf:Description>'
)
SKYDIO_NEW = (
    f'<rdf:Description xmlns:s="{SKYDIO}"><s:RelativeAltitude>42.5</s:RelativeAltitude>'
    '<s:CameraOrientationNED rdf:parseType="Resource"><s:Roll>1.0</s:Roll><s:Pitch>-60.0</s:Pitch>'
    "<s:Yaw>200.0</s:Yaw></s:CameraOrientationNED></rdf:Description>"
)
SKYDIO_NESTED = SKYDIO_NEW.replace(
    '<s:CameraOrientationNED rdf:parseType="Resource">',
    "<s:CameraOrientationNED><rdf:Description>",
).replace("</s:CameraOrientationNED>", "</rdf:Description></s:CameraOrientationNED>")


@pytest.mark.parametrize("write", [attributes, elements], ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    ("space", "values", "wanted"),
    [
        (DJI, gimbal("+85.30", "-90.00", RelativeAltitude="+120.01"), (85.3, 0, 0, 120.01)),
        (DJI, gimbal("-170.5", "-45.0", "0.5", RelativeAltitude="30"), (189.5, 45, 0.5, 30)),
        (DJI, gimbal("85.3", "-92.6", RelativeAltitude="1.5e2"), (85.3, 0, 0, 150)),
        # Upside down: the same as turned by half a turn.
        (DJI, gimbal("-94.7", "-90.0", "180.0"), (85.3, 0, 0, None)),
        (DJI, gimbal("10.0", "-120.0", "180.0"), (190.0, 30, 0, None)),
        (DJI, gimbal("359.9", "0.0", "0.0"), (359.9, 90, 0, None)),
        (AUTEL, gimbal("12.5", "-89.5", RelativeAltitude="61.2"), (12.5, 0.5, 0, 61.2)),
        ("http://www.yuneec.com/drone/", gimbal("12.5", "-30"), (12.5, 60, 0, None)),
        (
            PARROT,
            {"CameraYawDegree": 176.3, "CameraPitchDegree": -78.4, "CameraRollDegree": -0.3},
            (176.3, 11.6, -0.3, None),
        ),
        (PIX4D, {"Yaw": 33, "Pitch": 7.5, "Roll": -1}, (33, 7.5, -1, None)),
        (PIX4D, {"Yaw": "33/1", "Pitch": "75/10", "Roll": "-10/10"}, (33, 7.5, -1, None)),
        (
            PIX4D,
            {"Yaw": 270, "Pitch": 90, "Roll": 0, "AboveGroundAltitude": "803/10 m"},
            (270, 90, 0, 80.3),
        ),
        (SPHERE, {"PoseHeadingDegrees": 301.5}, (301.5, None, None, None)),
        (
            SPHERE,
            {"PoseHeadingDegrees": 301.5, "PosePitchDegrees": 2.0, "PoseRollDegrees": -3},
            (301.5, 92, -3, None),
        ),
    ],
)
def test_every_makers_attitude_is_read(write, space, values, wanted):
    facts = told(write(space, **values))
    found = (facts.heading_deg, facts.tilt_deg, facts.roll_deg, facts.height_m)
    for reading, value in zip(found, wanted, strict=True):
        assert (reading is None) == (value is None), facts
        if reading is not None:
            assert reading.value == pytest.approx(value)
            assert reading.source.startswith("XMP ")
            assert reading.sigma > 0
    assert facts.refused == ()


@pytest.mark.parametrize("xmp", [SKYDIO_OLD, SKYDIO_NEW, SKYDIO_NESTED])
def test_a_structure_is_read_however_it_is_written(xmp):
    facts = told(xmp)
    assert facts.heading_deg.value == 200
    assert facts.tilt_deg.value == 30
    assert facts.roll_deg.value == 1
    assert facts.height_m.value == 42.5


def test_what_the_camera_tells_comes_before_what_the_aircraft_tells():
    facts = told(attributes(DJI, **gimbal(10, -60), FlightYawDegree=100))
    assert facts.heading_deg.value == 10
    facts = told(attributes(DJI, FlightYawDegree="-100.0"))
    assert facts.heading_deg.value == 260
    assert facts.heading_deg.sigma >= 15
    assert "not the camera's" in facts.heading_deg.note
    both = attributes(PARROT, CameraYawDegree=20, CameraPitchDegree=-80)
    assert told(both + attributes(PIX4D, "c", Yaw=21, Pitch=-80)).tilt_deg.value == 10


def test_overshoot_is_straight_down_and_less_sure():
    facts = told(attributes(DJI, **gimbal("85.3", "-92.6")))
    assert facts.tilt_deg.value == 0
    assert facts.tilt_deg.sigma == pytest.approx(2.6)
    assert "2.6 degrees beyond" in facts.tilt_deg.note


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (gimbal("+0.00", "+0.00", "+0.00"), "all 0"),
        (gimbal("10", "-130"), "pitch is -130"),
        (gimbal("10", "95"), "pitch is 95"),
        (gimbal("400", "-90"), "yaw is 400"),
        (gimbal("nan", "-90"), "GimbalYawDegree: is 'nan'"),
        (gimbal("ten", "-90"), "GimbalYawDegree: is 'ten'"),
        (gimbal("1/0", "-90"), "GimbalYawDegree: is '1/0'"),
        (gimbal("", "-90"), "GimbalYawDegree: is ''"),
        (gimbal("12,5", "-90"), "GimbalYawDegree: is '12,5'"),
        ({"RelativeAltitude": "0"}, "RelativeAltitude: is 0 m"),
        ({"RelativeAltitude": "+0.00"}, "RelativeAltitude: is 0 m"),
        ({"RelativeAltitude": "-3.5"}, "RelativeAltitude: is -3.5 m"),
        ({"RelativeAltitude": "99999"}, "RelativeAltitude: is 99999 m"),
        ({"FlightYawDegree": "720"}, "FlightYawDegree: is 720"),
    ],
)
def test_what_no_gimbal_does_is_refused_by_name(values, reason):
    facts = told(attributes(DJI, **values))
    assert any(reason in one for one in facts.refused), facts.refused


def test_a_yaw_that_is_no_number_leaves_the_tilt():
    facts = told(attributes(DJI, **gimbal("ten", "-60")))
    assert facts.heading_deg is None
    assert facts.tilt_deg.value == 30


@pytest.mark.parametrize(
    ("orientation", "pitch", "heading", "roll"),
    [
        (1, -90, 40, 0),
        (3, -90, 220, 0),
        (6, -90, 310, 0),
        (8, -90, 130, 0),
        (6, -30, 40, -90),
        (8, -30, 40, 90),
    ],
)
def test_a_turned_sensor_turns_the_upright_photo(orientation, pitch, heading, roll):
    facts = told(attributes(DJI, **gimbal(40, pitch)), orientation=orientation)
    assert facts.heading_deg.value == pytest.approx(heading)
    assert facts.roll_deg.value == pytest.approx(roll)


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_a_mirrored_photo_has_no_attitude(orientation):
    facts = told(attributes(DJI, **gimbal(40, -90)), orientation=orientation)
    assert facts.heading_deg is None
    assert "mirrored" in facts.refused[0]


def test_position_and_altitude_are_read_only_when_asked():
    xmp = attributes(DJI, AbsoluteAltitude="+412.5", GpsLatitude="47", GpsLongitude="8")
    assert told(xmp).altitude_m is None
    assert told(xmp, with_position=True).altitude_m.value == 412.5


def test_a_cropped_panorama_tells_its_part():
    sphere = {
        "ProjectionType": "equirectangular",
        "FullPanoWidthPixels": 4000,
        "FullPanoHeightPixels": 2000,
        "CroppedAreaImageWidthPixels": 2000,
        "CroppedAreaImageHeightPixels": 500,
        "CroppedAreaLeftPixels": 1000,
        "CroppedAreaTopPixels": 750,
    }
    part = told(attributes(SPHERE, **sphere)).panorama
    assert (part.width_deg, part.height_deg, part.left_deg, part.top_deg) == (180, 45, 90, 67.5)
    assert not part.is_whole
    assert told(attributes(SPHERE, ProjectionType="equirectangular")).panorama.is_whole
    wrong = told(attributes(SPHERE, **{**sphere, "CroppedAreaImageWidthPixels": 5000}))
    assert wrong.panorama is None
    assert "doesn't lie within" in wrong.refused[0]
    other = told(attributes(SPHERE, ProjectionType="cylindrical"))
    assert "'cylindrical' is not read" in other.refused[0]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"<rdf:RDF><m:broken</rdf:RDF>", "no XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x:xmpmeta/>', "definitions"),
        (b"<rdf:RDF>" + b" " * (1 << 20) + b"</rdf:RDF>", "at most"),
    ],
)
def test_a_packet_that_is_no_xmp_is_a_reason(packet, reason):
    with pytest.raises(ValueError, match=reason):
        values_of(packet)


def test_a_deep_packet_ends(tmp_path: Path):
    deep = "<m:a>" * 3000 + "</m:a>" * 3000
    xmp = f'<rdf:Description xmlns:m="{DJI}">{deep}</rdf:Description>'
    assert told(xmp).heading_deg is None


@pytest.mark.parametrize("seed", range(40))
def test_damaged_packets_never_crash_and_never_tell_another_half_of_the_world(odd, tmp_path, seed):
    import random

    draw = random.Random(seed)
    packet = bytearray(
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
        b'syntax-ns#">'
        + attributes(DJI, **gimbal("40.0", "-60.0", RelativeAltitude="100")).encode()
        + b"</rdf:RDF></x:xmpmeta>"
    )
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(packet))
        if draw.random() < 0.5:
            packet[at] = draw.randrange(256)
        else:
            del packet[at : at + draw.randint(1, 20)]
    path = tmp_path / "photo.jpg"
    segment = odd.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(packet))
    path.write_bytes(odd.jpeg(segment))
    facts = camera_facts(path)
    assert facts.latlon is None
    told_now = {name: reading.value for name, reading in facts.readings()}
    assert 0 <= told_now.get("heading_deg", 0) < 360
    assert 0 <= told_now.get("tilt_deg", 0) <= 180
    assert 0 < told_now.get("height_m", 1) <= 50_000
    assert facts.size == (8, 8)

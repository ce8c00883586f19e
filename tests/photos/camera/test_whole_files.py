"""Sixty whole files as makers write them, and forty damaged ones: right, refused, or nothing.

Fifteen conventions at four places, one a hemisphere each way; no maker's own photo is among them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product

import pytest

from georet.errors import DataError
from georet.photos.camera.photo import camera_facts

SPACES = {
    "dji": "http://www.dji.com/drone-dji/1.0/",
    "parrot": "http://www.parrot.com/drone-parrot/1.0/",
    "skydio": "https://www.skydio.com/drone-skydio/1.0/",
    "pix4d": "http://pix4d.com/camera/1.0/",
    "autel": "http://www.autelrobotics.com/drone/1.0/",
    "yuneec": "http://www.yuneec.com/drone/",
    "sphere": "http://ns.google.com/photos/1.0/panorama/",
}
ASCII, RATIONAL = 2, 5
PLACES = ((47.25, 8.5), (-33.75, 151.25), (-22.5, -43.125), (37.5, -122.375))
NAMES = {
    "letter": ("N", "S", "E", "W"),
    "small": ("n", "s", "e", "w"),
    "word": ("North", "South", "East", "West"),
    "blank": ("N ", "S ", "E ", "W "),
}


@dataclass(frozen=True)
class Convention:
    """How one maker writes; what is expected: heading, tilt and height, None: not told."""

    name: str
    space: str
    values: dict[str, str]
    wanted: tuple[float | None, float | None, float | None]
    refs: str = "letter"
    as_elements: bool = False


def gimbal(yaw, pitch, roll="+0.00", **more):
    named = {"GimbalYawDegree": yaw, "GimbalPitchDegree": pitch, "GimbalRollDegree": roll}
    return named | more


CONVENTIONS = (
    Convention("DJI down", "dji", gimbal("+85.30", "-90.00", RelativeAltitude="+120.01"),
               (85.3, 0, 120.01)),
    Convention("DJI west", "dji", gimbal("-170.50", "-45.00", RelativeAltitude="+30.00"),
               (189.5, 45, 30), as_elements=True),
    Convention("DJI overshoot", "dji", gimbal("+12.00", "-92.60", RelativeAltitude="+60.00"),
               (12, 0, 60)),
    Convention("DJI upside down", "dji", gimbal("-94.70", "-90.00", "180.0"), (85.3, 0, None)),
    Convention("DJI height 0", "dji", gimbal("+12.00", "-30.00", RelativeAltitude="+0.00"),
               (12, 60, None)),
    Convention("DJI aircraft alone", "dji", {"FlightYawDegree": "-100.0"}, (260, None, None)),
    Convention("Autel", "autel", gimbal("12.5", "-89.5", RelativeAltitude="61.2"),
               (12.5, 0.5, 61.2), "word"),
    Convention("Autel older", "pix4d", {"Yaw": "33", "Pitch": "7.5", "Roll": "-1"},
               (33, 7.5, None), "small"),
    Convention("Yuneec", "yuneec", gimbal("12.5", "-30"), (12.5, 60, None), "blank"),
    Convention("Parrot", "parrot", {"CameraYawDegree": "176.3", "CameraPitchDegree": "-78.4",
                                    "CameraRollDegree": "-0.3"}, (176.3, 11.6, None), "word"),
    Convention("senseFly", "pix4d", {"Yaw": "270/1", "Pitch": "90/1", "Roll": "0/1",
                                     "AboveGroundAltitude": "803/10"}, (270, 90, 80.3), "small",
               as_elements=True),
    Convention("MicaSense", "pix4d", {"Yaw": "359.5", "Pitch": "0.5", "Roll": "0"},
               (359.5, 0.5, None), as_elements=True),
    Convention("Skydio", "skydio", {}, (200, 30, 42.5)),
    Convention("Photo Sphere", "sphere", {"PoseHeadingDegrees": "301.5"}, (301.5, None, None)),
    Convention("phone", "", {}, (215, None, None)),
)  # fmt: skip


def xmp_of(one: Convention) -> bytes:
    space = SPACES[one.space]
    if one.space == "skydio":
        inside = (
            f'<rdf:Description xmlns:m="{space}" m:RelativeAltitude="42.5">'
            '<m:CameraOrientationNED m:Roll="1.0" m:Pitch="-60.0" m:Yaw="200.0"/></rdf:Description>'
        )
    elif one.as_elements:
        body = "".join(f"<m:{key}>{value}</m:{key}>" for key, value in one.values.items())
        inside = f'<rdf:Description xmlns:m="{space}">{body}</rdf:Description>'
    else:
        body = " ".join(f'm:{key}="{value}"' for key, value in one.values.items())
        inside = f'<rdf:Description xmlns:m="{space}" {body}/>'
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
        f'syntax-ns#">{inside}</rdf:RDF></x:xmpmeta>'
    ).encode()


def file_of(odd, one: Convention, place: tuple[float, float]) -> bytes:
    """Return a whole JPEG: EXIF with the position, XMP with the attitude."""
    north, south, east, west = NAMES[one.refs]
    refs = (south if place[0] < 0 else north), (west if place[1] < 0 else east)
    gps = []
    for at, (value, ref) in enumerate(zip(place, refs, strict=True)):
        degrees, rest = divmod(abs(value), 1)
        minutes, rest = divmod(60 * rest, 1)
        parts = [(int(degrees), 1), (int(minutes), 1), (round(6000 * rest), 100)]
        gps += [(2 * at + 1, ASCII, ref.encode() + b"\0"), (2 * at + 2, RATIONAL, parts)]
    if one.name == "phone":
        gps += [(16, ASCII, b"T\0"), (17, RATIONAL, [(21500, 100)])]
    exif = odd.segment(0xE1, b"Exif\0\0" + odd.tiff([(0x010F, ASCII, b"made\0")], gps))
    if not one.space:
        return odd.jpeg(exif)
    xmp = odd.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp_of(one))
    return odd.jpeg(exif, xmp)


CASES = list(product(CONVENTIONS, PLACES))


@pytest.mark.parametrize(
    ("one", "place"), CASES, ids=[f"{one.name} at {place}" for one, place in CASES]
)
def test_every_maker_is_read_right_in_every_hemisphere(odd, tmp_path, one, place):
    path = tmp_path / "photo.jpg"
    path.write_bytes(file_of(odd, one, place))
    before = path.read_bytes()
    unasked = camera_facts(path)
    assert unasked.latlon is None
    assert unasked.altitude_m is None
    facts = camera_facts(path, with_position=True)
    assert facts.latlon == pytest.approx(place, abs=1e-5)
    found = (facts.heading_deg, facts.tilt_deg, facts.height_m)
    for reading, wanted in zip(found, one.wanted, strict=True):
        assert (reading is None) == (wanted is None), facts
        assert reading is None or reading.value == pytest.approx(wanted)
    if one.name == "DJI height 0":
        assert any("0 m" in reason for reason in facts.refused)
    assert path.read_bytes() == before


def test_there_are_sixty_files():
    assert len(CASES) == 60


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_refused_or_read_but_never_in_another_hemisphere(odd, tmp_path, seed):
    draw = random.Random(seed)
    one, place = draw.choice(CASES)
    data = bytearray(file_of(odd, one, place))
    # A letter or a sign that became another valid one can't be told by anybody.
    end = data.index(b"\xff\xe0") if b"\xff\xe0" in data[4:] else len(data)
    spared = {at for at in range(len(data)) if data[at : at + 1] in (b"N", b"S", b"E", b"W", b"-")}
    for _ in range(draw.randint(1, 12)):
        at = draw.randrange(2, end)
        if at not in spared:
            data[at] = draw.randrange(256)
    path = tmp_path / "photo.jpg"
    path.write_bytes(bytes(data))
    try:
        facts = camera_facts(path, with_position=True)
    except DataError:
        return
    told = {name: reading.value for name, reading in facts.readings()}
    assert 0 <= told.get("heading_deg", 0) < 360
    assert 0 <= told.get("tilt_deg", 0) <= 180
    assert 0 < told.get("height_m", 1) <= 50_000
    if facts.latlon is None:
        return
    for value, true in zip(facts.latlon, place, strict=True):
        assert value * true >= 0

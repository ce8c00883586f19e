"""Photos turned and scaled as the map is: by what is known of the camera, and no further."""

from __future__ import annotations

import math

import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.data.images import preprocess
from georet.errors import UsageError
from georet.photos.camera.cameras import Cameras, cameras_of
from georet.photos.camera.facts import CameraFacts, Panorama
from georet.photos.framing import Framing
from georet.photos.photos import view_photo

RULE = "bilinear-antialias"
SIDE, PX = 64.0, 64
FRAMING = Framing((SIDE,), (PX, PX), RULE)


def facts(**values: float) -> CameraFacts:
    return CameraFacts().given("given", **values)


def ground(points: np.ndarray) -> np.ndarray:
    """Return smooth colours uint8[N, 3] of the ground: red rises eastwards, green northwards."""
    east, north = points[:, 0], points[:, 1]
    red = np.clip(128 + east, 0, 255)
    green = np.clip(128 + north, 0, 255)
    return np.column_stack([red, green, np.full(len(points), 60)]).astype(np.uint8)


def shot(pose: Pose, fov_deg: float, size: tuple[int, int] = (240, 180)) -> np.ndarray:
    """Return the photo uint8[H, W, 3] of that ground."""
    width, height = size
    lens = Lens.of_fov(width, height, math.radians(fov_deg))
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    seen = Pinhole(lens, pose).ground(np.column_stack([columns.ravel(), rows.ravel()]))
    return ground(seen[:, :2]).reshape(height, width, 3)


def tile(centre: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Return the tile uint8[PX, PX, 3] around a place, north up."""
    steps = (np.arange(PX) + 0.5) / PX * SIDE - SIDE / 2
    x, y = np.meshgrid(centre[0] + steps, centre[1] - steps)
    return ground(np.column_stack([x.ravel(), y.ravel()])).reshape(PX, PX, 3)


@pytest.mark.parametrize("tilt", [0, 20, 40])
@pytest.mark.parametrize("heading", [0, 90, 200, 315])
def test_a_known_camera_draws_what_the_tile_shows(heading, tilt):
    pose = Pose.looking_at((0, 0), 80, math.radians(heading), math.radians(tilt))
    photo = shot(pose, 70)
    known = facts(heading_deg=heading, tilt_deg=tilt, height_m=80, fov_deg=70)
    views = FRAMING.views(photo, known)
    assert views.how == "rectified"
    assert views.pixels.shape == (1, PX, PX, 3)
    middle = slice(16, 48)
    drawn, wanted = views.pixels[0, middle, middle], tile()[middle, middle]
    assert np.abs(drawn.astype(int) - wanted.astype(int)).max() <= 3


def test_the_side_is_that_of_the_tile_which_the_photo_fills_best():
    framing = Framing((16.0, 64.0, 256.0), (PX, PX), RULE)
    photo = shot(Pose(0, 0, 80), 70)
    found = framing.views(photo, facts(heading_deg=0, tilt_deg=0, height_m=80, fov_deg=70))
    assert np.abs(found.pixels[0].astype(int) - tile().astype(int)).max() <= 3


@pytest.mark.parametrize("heading", [0, 90, 180, 270])
def test_a_known_heading_alone_turns_a_photo_that_looks_down(heading):
    photo = shot(Pose(0, 0, 80, math.radians(heading)), 70, size=(180, 180))
    views = FRAMING.views(photo, facts(heading_deg=heading))
    assert views.how == "turned"
    red, green = views.pixels[0, :, :, 0].astype(int), views.pixels[0, :, :, 1].astype(int)
    assert (red[:, -1] > red[:, 0] + 40).all()
    assert (green[0] > green[-1] + 40).all()


def test_several_headings_are_tried_where_it_is_unknown():
    framing = Framing((SIDE,), (PX, PX), RULE, rotations=4)
    photo = shot(Pose(0, 0, 80, math.radians(90)), 70)
    views = framing.views(photo, facts(tilt_deg=0, height_m=80, fov_deg=70))
    assert views.how == "rectified, 4 headings tried"
    apart = [np.abs(view.astype(int) - tile().astype(int)).max() for view in views.pixels]
    assert np.argmin(apart) == 1
    assert apart[1] <= 3


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"tilt_deg": 10, "height_m": 80, "fov_deg": 70},
        # A street photo: nothing of the ground.
        {"heading_deg": 90, "tilt_deg": 90, "height_m": 2, "fov_deg": 70},
        {"heading_deg": 90, "tilt_deg": 70, "height_m": 80, "fov_deg": 70},
    ],
)
def test_what_tells_too_little_is_left_as_it_is(known):
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    views = FRAMING.views(photo, facts(**known))
    assert views.how == "as it is"
    assert np.array_equal(views.pixels[0], preprocess(photo, (PX, PX), RULE))
    assert FRAMING.leaves(facts(**known))


def test_a_panorama_is_left_as_it_is():
    known = facts(heading_deg=0, tilt_deg=0, height_m=80, fov_deg=70).over(
        CameraFacts(panorama=Panorama())
    )
    assert FRAMING.leaves(known)


def test_a_photo_of_a_corner_of_a_tile_is_turned_but_not_scaled():
    photo = shot(Pose(0, 0, 8), 70, size=(180, 180))
    known = facts(heading_deg=0, tilt_deg=0, height_m=8, fov_deg=70)
    assert FRAMING.views(photo, known).how == "turned"


def test_a_phones_compass_alone_turns_nothing(tmp_path):
    from PIL import Image

    path = tmp_path / "street.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({16: "T", 17: 90.0})
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=exif)
    told = Cameras().of(path)
    assert told.heading_deg.value == 90
    assert view_photo(path, FRAMING, Cameras()).how == "as it is"
    assert view_photo(path, FRAMING, cameras_of(heading=90)).how == "turned"
    assert view_photo(path, FRAMING, cameras_of(heading=90, turns_photos=False)).how == "as it is"


def test_what_the_user_says_comes_first_then_telemetry_then_the_photo(tmp_path):
    from PIL import Image

    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 24
    exif.get_ifd(0x8825).update({16: "T", 17: 90.0})
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save(path, exif=exif)
    table = tmp_path / "flight.csv"
    table.write_text("photo,heading_deg,height_m\na.jpg,80,120\n")
    told = cameras_of(heading=70, telemetry=table).of(path)
    assert told.heading_deg.value == 70
    assert told.height_m.value == 120
    assert told.fov_deg.value == pytest.approx(73.7, abs=0.1)
    assert cameras_of(telemetry=table).of(path).heading_deg.value == 80
    assert cameras_of(camera="dji-mavic-2-pro").of(path).fov_deg.value < 70


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"heading": 400}, "--heading"),
        ({"tilt": -5}, "--tilt"),
        ({"roll": 200}, "--roll"),
        ({"height": 0}, "--height"),
        ({"fov": 200}, "--fov"),
        ({"rotations": 0}, "--rotations"),
        ({"camera": "no such"}, "--camera"),
    ],
)
def test_options_that_can_not_be_are_refused(options, option):
    with pytest.raises(UsageError) as caught:
        cameras_of(**options)
    assert caught.value.where == option

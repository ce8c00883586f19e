"""One landmark on an empty plane, seen by both cameras: all can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from georet_cityblocks.cameras import depth, overhead, panorama
from georet_cityblocks.lights import photo_light, tile_light
from georet_cityblocks.scene import ASPHALT, FLAT, GABLE, HIP, IN_BOTH, Scene, make_scene
from georet_cityblocks.shading import cast
from georet_cityblocks.world import CAMERA_M

RED = [1.0, 0.0, 0.0]
EYE = np.array([0.0, 0.0, CAMERA_M])
HEIGHT = 96


def scene_of(*boxes: list[float], trees: list[list[float]] | None = None) -> Scene:
    """Boxes [x, y, half length, half width, eaves, rise, roof], all red, on asphalt."""
    rows = [
        [x, y, 1.0, 0.0, a, b, h, rise, roof, IN_BOTH, 0.0] for x, y, a, b, h, rise, roof in boxes
    ]
    # A car's look is one colour all over, below its glass.
    look = [*RED, *RED, *RED, *RED, 3.0, 3.0, 0.5, 0.5, 1.0, 1.0]
    ground = np.full((800, 800), ASPHALT, np.uint8)
    low = np.array([-100.0, -100.0])
    plants = np.array(trees or [], float).reshape(-1, 6)
    return make_scene(np.array(rows), np.array([look]), plants, ground, low, 0.25)


def is_red(image):
    return (image[..., 0] > 3 * image[..., 1]) & (image[..., 0] > 0.05)


@pytest.mark.parametrize(
    ("east", "north", "azimuth_deg"),
    [(0, 12, 0), (12, 0, 90), (0, -12, 180), (-12, 0, 270), (9, 9, 45)],
)
def test_a_landmark_stands_in_the_same_direction_in_both_images(east, north, azimuth_deg):
    scene = scene_of([east, north, 1.0, 1.0, 4.0, 0.0, FLAT])
    rng = np.random.default_rng(0)
    photo = panorama(scene, EYE, 0.0, photo_light(rng), HEIGHT)
    tile = overhead(scene, np.zeros(2), 50.0, tile_light(rng), 100)
    # The landmark's middle by its mean direction, since it may lie across the image's edge.
    columns = np.flatnonzero(is_red(photo).any(axis=0))
    azimuths = (columns + 0.5 - HEIGHT) * np.pi / HEIGHT
    found = np.degrees(np.angle(np.exp(1j * azimuths).mean())) % 360
    assert abs((found - azimuth_deg + 180) % 360 - 180) < 180 / HEIGHT
    rows, columns = np.nonzero(is_red(tile))
    assert columns.mean() + 0.5 == pytest.approx(50 + 2 * east, abs=0.5)
    assert rows.mean() + 0.5 == pytest.approx(50 - 2 * north, abs=0.5)


def test_a_heading_turns_the_panorama_and_nothing_else():
    scene, light = (
        scene_of([12, 0, 1.0, 1.0, 4.0, 0.0, FLAT]),
        photo_light(np.random.default_rng(0)),
    )
    north = panorama(scene, EYE, 0.0, light, HEIGHT)
    east = panorama(scene, EYE, np.pi / 2, light, HEIGHT)
    np.testing.assert_allclose(np.roll(north, -HEIGHT // 2, axis=1), east, atol=0.05)


def test_depth_is_the_distance_along_the_ray():
    # A wall 10 m to the north, as wide as the view: 10 m straight ahead, 10 / cos to its sides.
    metres = depth(scene_of([0, 11, 60.0, 1.0, 8.0, 0.0, FLAT]), EYE, 0.0, HEIGHT)
    for v, u in (
        (HEIGHT // 2 - 1, HEIGHT),
        (HEIGHT // 2 - 4, HEIGHT - 20),
        (HEIGHT // 2, HEIGHT + 9),
    ):
        azimuth, up = (u + 0.5 - HEIGHT) * np.pi / HEIGHT, np.pi / 2 - (v + 0.5) * np.pi / HEIGHT
        assert metres[v, u] == pytest.approx(10 / np.cos(azimuth) / np.cos(up), rel=1e-5)
    # Behind the camera the ground goes on; below the horizon by 45 degrees it is h * sqrt(2) off.
    row = 3 * HEIGHT // 4
    down = (row + 0.5) * np.pi / HEIGHT - np.pi / 2
    assert metres[row, 0] == pytest.approx(CAMERA_M / np.sin(down), rel=1e-5)
    assert np.isinf(metres[0]).all()
    assert metres[-1, 5] == pytest.approx(CAMERA_M / np.cos(0.5 * np.pi / HEIGHT), rel=1e-5)


@pytest.mark.parametrize(
    ("roof", "x", "y", "height"),
    [
        (FLAT, 3.0, 1.0, 5.0),
        (GABLE, 3.0, 0.0, 7.0),
        (GABLE, 3.0, 1.0, 6.0),
        (GABLE, 3.9, 0.0, 7.0),
        (HIP, 0.0, 0.0, 7.0),
        (HIP, 3.0, 0.0, 6.0),  # the hip's slope is the gable's, from the ends
        (HIP, 3.0, 1.5, 5.5),
    ],
)
def test_roofs_are_as_high_as_their_slopes_say(roof, x, y, height):
    rise = 0.0 if roof == FLAT else 2.0
    scene = scene_of([0, 0, 4.0, 2.0, 5.0, rise, roof])
    down, light = np.array([[0.0, 0.0, -1.0]]), tile_light(np.random.default_rng(0))
    _, metres = cast(scene, light, np.array([[x, y, 50.0]]), down, 100.0, 2)
    assert metres[0] == pytest.approx(50 - height)


def test_a_tree_is_an_ellipsoid_on_a_trunk():
    scene = scene_of([50, 50, 1, 1, 3, 0, FLAT], trees=[[0.0, 10.0, 2.0, 1.5, 5.0, 0.5]])
    light = tile_light(np.random.default_rng(0))
    ahead = np.array([[0.0, 1.0, 0.0]] * 3)
    origins = np.array([[0.0, 0.0, 5.0], [0.0, 0.0, 1.0], [1.0, 0.0, 5.75]])
    _, metres = cast(scene, light, origins, ahead, 100.0, 1)
    crown = 10 - 2 * np.sqrt(1 - 0.25 - 0.25)
    np.testing.assert_allclose(metres, [8.0, 9.8, crown])


def test_a_car_of_one_day_is_not_there_on_the_other():
    scene = scene_of([0, 5, 1, 1, 3, 0, FLAT])
    scene.boxes[0, 9] = 1
    light, origin = tile_light(np.random.default_rng(0)), np.array([[0.0, 0.0, 1.0]])
    ahead = np.array([[0.0, 1.0, 0.0]])
    assert cast(scene, light, origin, ahead, 50.0, 1)[1][0] == 4.0
    assert np.isinf(cast(scene, light, origin, ahead, 50.0, 2)[1][0])


def test_shadows_fall_away_from_the_sun():
    scene, light = scene_of([0, 0, 1, 1, 3, 0, FLAT]), tile_light(np.random.default_rng(0))
    light = light._replace(sun=np.array([0.8, 0.0, 0.6]))
    tile = overhead(scene, np.zeros(2), 20.0, light, 80).mean(axis=2)
    # 3 m tall, sun in the east at 37 degrees: the shadow is 4 m long, from x = -5 to -1.
    west, east = tile[40, 40 - 12], tile[40, 40 + 12]
    assert west < 0.75 * east
    assert tile[40, 40 - 24] == pytest.approx(east, rel=0.3)

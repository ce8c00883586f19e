"""Photos of a map show what the geometry says, and nothing between the map's pixels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.cameras.relief import HeightGrid
from georet.errors import ConfigError, DataError, UsageError
from georet.ground.tangent import Tangent
from georet.sources.opening import open_source
from georet.sources.rasters.heights import Heights
from georet.tiles.tiling import Tiling
from georet_ortho.flights import Flights
from georet_ortho.looks import look_at
from georet_ortho.render import SKY, Shot, render
from georet_ortho.scene import Scene

from .conftest import SIDE_M, painted, written

TILING = Tiling(side_m=(SIDE_M,), overlap=0.5)
LENS = Lens(320, 240, 280.0)


def scene_of(path) -> Scene:
    return Scene.of(open_source(str(path), TILING), str(path))


def place_at(scene: Scene, column: float, row: float) -> np.ndarray:
    return scene.surfaces[0].latlon_at(np.array([[column, row]]))[0]


def gradient(width: int, height: int) -> np.ndarray:
    """Red grows by the column, green by the row."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.uint8(np.stack([x % 256, y % 256, 0 * x], axis=-1))


def test_a_place_is_found_at_the_pixel_that_shows_it(area_tif):
    scene = scene_of(area_tif)
    for column, row in ((10.5, 20.25), (700.0, 630.0), (0.0, 0.0)):
        _, found = scene.position_of(place_at(scene, column, row))
        assert found == pytest.approx([column, row], abs=1e-4)
    with pytest.raises(DataError, match="is not on the map"):
        scene.position_of(np.array([10.0, 10.0]))


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:3857"])
def test_each_pixel_of_a_photo_is_the_ground_that_the_camera_says(tmp_path, crs):
    scene = scene_of(written(tmp_path / "g.tif", gradient(240, 240), crs=crs))
    latlon = place_at(scene, 120, 110)
    pose = Pose.looking_at((0, 0), 40, 0.8, math.radians(25), 0.05)
    camera = Pinhole(LENS, pose)
    photo = render(scene, Shot(latlon, camera)).astype(float)
    pixels = np.array([[160.5, 120.5], [60.5, 200.5], [280.5, 60.5], [20.5, 20.5]])
    ground = Tangent(*latlon.tolist()).latlon(camera.ground(pixels)[:, :2])
    for (x, y), there in zip(pixels, ground, strict=True):
        _, (column, row) = scene.position_of(there)
        seen = photo[int(y), int(x)]
        assert seen[:2] == pytest.approx([column - 0.5, row - 0.5], abs=1.2)


def test_fine_stripes_seen_from_high_up_become_their_mean(tmp_path):
    stripes = np.zeros((600, 600, 3), np.uint8)
    stripes[:, ::2] = 200
    scene = scene_of(written(tmp_path / "s.tif", stripes))
    camera = Pinhole(Lens(60, 60, 60.0), Pose(0, 0, 200))
    photo = render(scene, Shot(place_at(scene, 300, 300), camera))
    assert np.abs(photo.astype(int) - 100).max() <= 3


def test_more_rays_a_pixel_tell_the_same(area_tif):
    scene = scene_of(area_tif)
    shot = Shot(place_at(scene, 360, 320), Pinhole(LENS, Pose.looking_at((0, 0), 60, 1.0, 0.5)))
    once, thrice = (render(scene, shot, over=n).astype(float) for n in (1, 3))
    assert np.abs(once - thrice).mean() < 4


def test_above_the_horizon_is_sky(area_tif):
    scene = scene_of(area_tif)
    camera = Pinhole(LENS, Pose(0, 0, 20, 0.0, math.radians(80)))
    photo = render(scene, Shot(place_at(scene, 360, 400), camera))
    assert (photo[0] == SKY).all()
    assert not (photo[-1] == SKY).all()


def test_a_hill_moves_what_stands_on_it_away_from_the_camera(tmp_path):
    mark = np.full((240, 240, 3), 40, np.uint8)
    mark[118:122, 138:142] = 250  # 10 m east of the middle
    scene = scene_of(written(tmp_path / "m.tif", mark))
    camera = Pinhole(LENS, Pose(0, 0, 40))
    shot = Shot(place_at(scene, 120, 120), camera)
    high = HeightGrid.north_up(np.full((20, 20), 8.0), 10.0, (-100.0, 100.0))
    for relief, wanted in ((None, 160 + 280 * 10 / 40), (high, 160 + 280 * 10 / 32)):
        photo = render(scene, shot, relief=relief)[:, :, 0]
        columns = np.flatnonzero((photo > 150).any(axis=0))
        assert columns.mean() + 0.5 == pytest.approx(wanted, abs=1.5)


def test_heights_of_a_raster_count_from_the_place(tmp_path):
    grid = np.tile(np.arange(240, dtype=np.float32)[None, :], (240, 1))  # 2 m a metre eastward
    path = written(tmp_path / "dsm.tif", grid[..., None])
    scene = scene_of(written(tmp_path / "g.tif", gradient(240, 240)))
    found = Heights(path).around(place_at(scene, 120, 120), 30.0)
    points = np.array([[0.0, 0.0], [10.0, 0.0], [-5.0, 12.0]])
    assert found.heights(points) == pytest.approx([0, 20, -10], abs=0.2)
    with pytest.raises(DataError, match="has no height"):
        Heights(path).around(np.array([10.0, 10.0]), 30.0)


def test_single_images_can_not_be_looked_over(tmp_path):
    with pytest.raises(UsageError, match="single images"):
        Scene.of(object(), "tiles.csv")  # type: ignore[arg-type]


def changed(image: np.ndarray, look) -> float:
    seen = [look_at(image, look, np.random.default_rng(n), px_m=0.5).pixels for n in range(6)]
    return float(np.abs(np.stack(seen).astype(float) - image).mean())


def test_looks_are_decided_by_their_generator_and_differ():
    image = painted(120, 90, 3)
    one, again = (look_at(image, "strong", np.random.default_rng(5), px_m=0.5) for _ in range(2))
    assert one.content == again.content
    other = look_at(image, "strong", np.random.default_rng(6), px_m=0.5)
    assert other.content != one.content
    away = {look: changed(image, look) for look in ("none", "weak", "strong")}
    assert away["none"] < away["weak"] < away["strong"]


def test_cameras_stay_in_their_ranges():
    rng = np.random.default_rng(0)
    flights = Flights.named("oblique", fov_deg=(70.0, 71.0))
    for _ in range(50):
        camera = flights.draw(SIDE_M, 320, rng)
        assert 25 <= math.degrees(camera.pose.tilt_rad) <= 55
        assert 70 <= math.degrees(camera.lens.fov_rad) <= 71
        assert camera.looked_at == pytest.approx([0, 0], abs=1e-9)
        width = 2 * camera.pose.height_m * math.tan(camera.lens.fov_rad / 2)
        assert 0.9 * SIDE_M <= width <= 1.6 * SIDE_M
    assert Flights.named("action").draw(SIDE_M, 320, rng).lens.distortion


@pytest.mark.parametrize(
    ("change", "word"), [({"tilt_deg": (10, 90)}, "tilt_deg"), ({"spans": (2, 1)}, "spans")]
)
def test_ranges_that_can_not_be_are_refused(change, word):
    with pytest.raises(ConfigError, match=word):
        replace(Flights(), **change)


def test_an_unknown_camera_is_told_its_neighbours():
    with pytest.raises(ConfigError, match="there is no camera 'obliqe'") as caught:
        Flights.named("obliqe")
    assert "oblique" in str(caught.value.hint)

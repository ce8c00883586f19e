"""Pixels of the bird's-eye view, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from georet_cityblocks.cameras import overhead, panorama
from georet_cityblocks.lights import photo_light
from georet_cityblocks.scene import ASPHALT, FLAT, IN_BOTH, PAINT, make_scene
from georet_panobev.warp import BirdsEye, panorama_of_ground

HEIGHT, WIDTH, CAMERA_M = 180, 360, 2.0


def test_north_east_south_and_west_come_from_their_columns():
    column, row = panorama_of_ground(41, 41.0, CAMERA_M)
    # Odd, so that pixels lie straight to the four sides: 10 m are 10 pixels from the middle.
    for (i, j), azimuth in {(10, 20): 0, (20, 30): 90, (30, 20): 180, (20, 10): -90}.items():
        share = (0.5 + azimuth / 360) % 1
        assert column[i, j].item() % 1 == pytest.approx(share)
        assert row[i, j].item() == pytest.approx(1 - math.atan(10 / 2) / math.pi)
    assert column[13, 27].item() == pytest.approx(0.5 + 45 / 360)
    assert row[13, 27].item() == pytest.approx(1 - math.atan(7 * math.sqrt(2) / 2) / math.pi)


def test_the_nadir_is_the_bottom_row():
    _, row = panorama_of_ground(41, 41.0, CAMERA_M)
    assert row[20, 20].item() == 1
    assert row.min() > 0.5  # no ground above the horizon


def test_single_pixels_of_a_panorama_arrive_where_they_belong():
    # A value that names column and row: red is the azimuth's share, green the row's.
    columns = (torch.arange(WIDTH) + 0.5) / WIDTH
    rows = (torch.arange(HEIGHT) + 0.5) / HEIGHT
    image = torch.stack(
        [columns.expand(HEIGHT, -1), rows[:, None].expand(-1, WIDTH), torch.zeros(HEIGHT, WIDTH)]
    )
    seen = BirdsEye((HEIGHT, WIDTH), 41, 41.0, CAMERA_M)(image[None])[0]
    for (i, j), share in {(10, 20): 0.5, (20, 30): 0.75, (20, 10): 0.25, (13, 27): 0.625}.items():
        metres = math.hypot(i - 20, j - 20)
        assert seen[0, i, j].item() == pytest.approx(share, abs=1e-3)
        assert seen[1, i, j].item() == pytest.approx(1 - math.atan(metres / 2) / math.pi, abs=1e-3)
    # The nadir shows the lowest row there is, half a pixel above the edge.
    assert seen[1, 20, 20].item() == pytest.approx(1 - 0.5 / HEIGHT, abs=1e-5)


def test_the_seam_in_the_south_is_closed():
    image = torch.zeros(1, 3, HEIGHT, WIDTH)
    image[..., 0], image[..., -1] = 1.0, 1.0  # south, from both sides
    seen = BirdsEye((HEIGHT, WIDTH), 41, 41.0, CAMERA_M)(image)[0, 0]
    assert seen[30, 20].item() == pytest.approx(1.0, abs=1e-4)
    assert seen[10, 20].item() == 0


def test_a_turned_panorama_is_a_turned_view():
    image = torch.rand(1, 3, HEIGHT, WIDTH)
    warp = BirdsEye((HEIGHT, WIDTH), 40, 40.0, CAMERA_M)
    # rotate_roll: the tile a quarter counter-clockwise, the panorama a quarter to the left.
    rolled = warp(torch.roll(image, -WIDTH // 4, dims=3))
    assert torch.allclose(rolled, torch.rot90(warp(image), 1, dims=(2, 3)), atol=1e-4)
    mirrored = warp(image.flip(3))
    assert torch.allclose(mirrored, warp(image).flip(3), atol=1e-4)


def test_it_shows_the_ground_that_the_overhead_camera_sees():
    ground = np.full((400, 400), ASPHALT, np.uint8)
    ground[220:226, 190:230] = PAINT  # north of the middle
    ground[170:200, 240:244] = PAINT  # south-east
    boxes = np.array([[-60.0, -60.0, 1, 0, 1, 1, 3, 0, FLAT, IN_BOTH, 0]])
    low = np.array([-50.0, -50.0])
    scene = make_scene(boxes, np.zeros((1, 18)), np.zeros((0, 6)), ground, low, 0.25)
    light = photo_light(np.random.default_rng(0))._replace(haze_m=1e9)
    photo = panorama(scene, np.array([0.0, 0.0, CAMERA_M]), 0.0, light, 256)
    tile = overhead(scene, np.zeros(2), 30.0, light, 60).mean(axis=2)
    warp = BirdsEye((256, 512), 60, 30.0, CAMERA_M)
    seen = warp(torch.from_numpy(photo).permute(2, 0, 1)[None])[0].mean(dim=0).numpy()
    turned = [np.rot90(seen, k) for k in range(4)] + [seen[:, ::-1]]
    fits = [float(np.corrcoef(tile.ravel(), view.ravel())[0, 1]) for view in turned]
    assert fits[0] > 0.85
    assert max(fits[1:]) < fits[0] - 0.3

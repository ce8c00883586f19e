"""Photos that show much more than a tile are found by several of their pieces."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from georet.geodesy import distance_m
from georet.locate.layout import Layout
from georet.locate.locator import Locator
from georet.locate.voting import Votes
from georet.photos.camera.cameras import cameras_of
from georet.testing.pixel_session import PixelSession

SHOWN_PX = 230
"""3.6 tiles, by a camera that looks straight down with a view of 90 degrees."""
CAMERAS = {"heading": 0.0, "tilt": 0.0, "height": SHOWN_PX * 10 / 2, "fov": 90.0}


@pytest.fixture
def wide_photos(ground):
    """Return noisy photos with one half of each covered, and the places of their middles."""
    rng = np.random.default_rng(3)
    half, size = SHOWN_PX // 2, len(ground.texture)
    images, places = [], rng.integers(half, size - half, (16, 2))
    for x, y in places:
        image = ground.texture[y - half : y + half, x - half : x + half].astype(float)
        image += rng.normal(0, 70, image.shape)
        # A cloud hides most of the middle, and something of one side.
        cv2.circle(image, (half + 10, half), 42, (235, 235, 235), -1)
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    return images, ground.latlon(*places.T)


@pytest.mark.parametrize("index", ["exact", "sign_bits"])
def test_the_pieces_around_tell_where_the_middle_is_hidden(
    gallery, wide_photos, index, monkeypatch
):
    images, latlon = wide_photos
    locator = Locator(gallery, PixelSession(), index=index)
    voted = locator.locate(images, cameras=cameras_of(**CAMERAS))
    assert {one.view[:22] for one in voted} == {"rectified, 2 x 2 piece"}
    framing = locator.framing(None)
    monkeypatch.setattr(locator, "framing", lambda *_, **__: replace(framing, pieces=1))
    alone = locator.locate(images, cameras=cameras_of(**CAMERAS))
    assert {one.view for one in alone} == {"rectified"}
    off_m = [
        np.median(
            [distance_m(np.array(one.latlon), at) for one, at in zip(some, latlon, strict=True)]
        )
        for some in (voted, alone)
    ]
    assert off_m[0] < 320, "within half a tile"
    assert off_m[0] < off_m[1] / 2


def test_each_piece_speaks_of_the_tile_where_it_would_lie():
    side_m, step = 1000.0, 1000.0 / 111_195
    rows, columns = np.divmod(np.arange(25), 5)
    layout = Layout(np.column_stack([-rows * step, columns * step]), np.full(25, side_m))
    scores = np.full((2, 25), 0.1, np.float32)
    scores[0, 11], scores[1, 13] = 0.9, 0.7  # west and east of tile 12
    found = Votes(layout).pooled(scores, np.array([[-side_m, 0.0], [side_m, 0.0]]))
    assert found.argmax() == 12
    assert found[12] == pytest.approx(0.8)
    # Tile 10 has nothing to its west: that piece says there what it says on average.
    assert found[10] == pytest.approx((scores[0].mean() + 0.1) / 2)

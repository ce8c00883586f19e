import numpy as np
import pytest
import simplejpeg

from georet.gallery.pictures.atlas import Atlas, side_for
from georet.gallery.pictures.mosaic import EXTENT_M, WEB_RADIUS_M, Mosaic, mosaic
from georet.ground.wgs84 import mercator_y
from georet.tiles.table import TileTable


class Pictures:
    """Tiles of plain colours: JPEGs made when asked for, counted."""

    def __init__(self, latlon, side_degrees, colours, side_m=None):
        latlon = np.asarray(latlon, float)
        half = np.broadcast_to(np.asarray(side_degrees, float), len(latlon))[:, None, None] / 2
        corners = latlon[:, None] + half * np.array([(1, -1), (1, 1), (-1, 1), (-1, -1)])
        corners[..., 0] = np.clip(corners[..., 0], -89.9, 89.9)
        sides = half[:, 0, 0] * 2 * 111_000 if side_m is None else np.asarray(side_m, float)
        self.tiles = TileTable([str(i) for i in range(len(latlon))], latlon, corners, sides)
        self.colours, self.num_read = np.asarray(colours), 0

    def thumbnail(self, row):
        self.num_read += 1
        image = np.full((48, 48, 3), self.colours[row % len(self.colours)], np.uint8)
        return simplejpeg.encode_jpeg(image, quality=95)


RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def bounds(west, south, east, north):
    y = WEB_RADIUS_M * mercator_y(np.radians(np.array([south, north])))
    return WEB_RADIUS_M * np.radians(west), y[0], WEB_RADIUS_M * np.radians(east), y[1]


def colour_at(picture, x, y):
    height, width = picture.shape[:2]
    return picture[int(y * height), int(x * width)].astype(int)


def test_tiles_lie_where_they_belong_and_nothing_lies_elsewhere():
    gallery = Pictures([(10, 10), (10, 12)], 2.0, [RED, GREEN])
    picture = mosaic(gallery, bounds(8, 8, 14, 12), (200, 300))
    assert colour_at(picture, 1.5 / 6, 0.5) == pytest.approx([*RED, 255], abs=6)
    assert colour_at(picture, 3.5 / 6, 0.5) == pytest.approx([*GREEN, 255], abs=6)
    for x, y in ((0.5 / 6, 0.5), (5 / 6, 0.5), (0.4, 0.05), (0.4, 0.95)):
        assert colour_at(picture, x, y)[3] == 0
    share = (picture[..., 3] > 0).mean()
    assert share == pytest.approx(4 * 2 / 24, rel=0.05)


def test_of_overlapping_tiles_the_nearer_centre_wins():
    gallery = Pictures([(0, 0), (0, 1)], 2.0, [RED, BLUE])
    picture = mosaic(gallery, bounds(-1, -1, 2, 1), (60, 90))
    assert colour_at(picture, 1.4 / 3, 0.5)[0] > 150
    assert colour_at(picture, 1.6 / 3, 0.5)[2] > 150


def test_a_tile_across_the_antimeridian_is_drawn_on_both_sides():
    gallery = Pictures([(0, 179.9)], 2.0, [RED])
    for west, east in ((178, 180), (-180, -178), (179, 181), (-181, -179)):
        picture = mosaic(gallery, bounds(west, -0.5, east, 0.5), (40, 80))
        assert (picture[..., 3] > 0).mean() > 0.3, (west, east)
    beyond = mosaic(gallery, bounds(-178.5, -0.5, -177, 0.5), (40, 80))
    assert not beyond.any()


def test_the_whole_world_is_one_square_and_the_poles_beyond_are_clear():
    latlon = [(lat, lon) for lat in range(-80, 90, 20) for lon in range(-170, 180, 20)]
    gallery = Pictures(latlon, 20.0, [RED, GREEN, BLUE])
    world = mosaic(gallery, (-EXTENT_M, -EXTENT_M, EXTENT_M, EXTENT_M), (128, 128))
    assert (world[..., 3] > 0).mean() > 0.98
    above = mosaic(gallery, (-EXTENT_M, EXTENT_M, EXTENT_M, 2 * EXTENT_M), (64, 128))
    assert not above.any()


def test_neighbouring_pictures_fit_together():
    rng = np.random.default_rng(0)
    latlon = np.stack([rng.uniform(-5, 5, 300), rng.uniform(-5, 5, 300)], axis=1)
    drawn = Mosaic(Pictures(latlon, 1.2, rng.integers(0, 255, (300, 3))))
    west, south, east, north = bounds(-4, -4, 4, 4)
    middle = (west + east) / 2
    whole = drawn.render((west, south, east, north), (160, 160))
    halves = [
        drawn.render((west, south, middle, north), (160, 80)),
        drawn.render((middle, south, east, north), (160, 80)),
    ]
    assert np.array_equal(whole, np.hstack(halves))


def test_fine_tiles_are_shown_close_up_and_coarse_ones_from_afar():
    side_m = [400_000.0, *[20_000.0] * 9]
    fine = [(lat / 5, lon / 5) for lat in (-1, 0, 1) for lon in (-1, 0, 1)]
    gallery = Pictures([(0, 0), *fine], [4.0, *[0.2] * 9], [RED, *[BLUE] * 9], side_m)
    afar = mosaic(gallery, bounds(-2, -2, 2, 2), (40, 40))
    near = mosaic(gallery, bounds(-0.2, -0.2, 0.2, 0.2), (200, 200))
    assert (afar[..., 0] > 150).all()
    assert (near[..., 2] > 150).all()


def test_a_tile_without_a_picture_leaves_the_ground_clear():
    gallery = Pictures([(0, 0)], 2.0, [RED])
    gallery.thumbnail = lambda row: None
    assert not mosaic(gallery, bounds(-1, -1, 1, 1), (20, 20)).any()
    gallery.thumbnail = lambda row: b"\xff\xd8 no picture"
    assert not mosaic(gallery, bounds(-1, -1, 1, 1), (20, 20)).any()


def test_a_picture_far_too_large_for_a_thumbnail_is_not_decoded():
    gallery = Pictures([(0, 0)], 2.0, [RED])
    huge = simplejpeg.encode_jpeg(np.zeros((8, 3000, 3), np.uint8))
    gallery.thumbnail = lambda row: huge
    assert not mosaic(gallery, bounds(-1, -1, 1, 1), (20, 20)).any()


def test_an_empty_gallery_gives_an_empty_picture():
    gallery = Pictures(np.empty((0, 2)), [], [RED])
    assert not mosaic(gallery, bounds(-1, -1, 1, 1), (20, 20)).any()


def test_of_100_000_tiles_a_picture_reads_a_bounded_number():
    rng = np.random.default_rng(0)
    latlon = np.stack([rng.uniform(-50, 50, 100_000), rng.uniform(-170, 170, 100_000)], axis=1)
    gallery = Pictures(latlon, 0.5, rng.integers(60, 255, (97, 3)))
    drawn = Mosaic(gallery)
    picture = drawn.render((-EXTENT_M, -EXTENT_M, EXTENT_M, EXTENT_M), (256, 256))
    assert gallery.num_read <= 8000
    assert (picture[..., 3] > 0).mean() > 0.25


def test_the_atlas_keeps_within_its_bound():
    gallery = Pictures(np.zeros((50, 2)), 1.0, [RED])
    atlas = Atlas(gallery.thumbnail, max_bytes=10 * 32 * 32 * 3)
    for _ in range(2):
        atlas.squares(np.arange(50), 32)
    assert gallery.num_read == 100
    atlas.squares(np.arange(45, 50), 32)
    assert gallery.num_read == 100
    assert [side_for(px) for px in (1, 9, 96, 500)] == [4, 16, 128, 128]

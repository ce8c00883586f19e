"""The locator on real pixels: places, candidates, regions, priors, fusion, re-ranking."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from georet.errors import ComponentError, DataError, UsageError
from georet.geodesy import distance_m
from georet.ground.region import Region
from georet.locate import Locator, Prior
from georet.testing.pixel_session import PixelSession

SIDE_M = 640.0


@pytest.fixture
def locator(gallery, pixels):
    return Locator(gallery, pixels)


def errors_m(locations, latlon):
    found = np.array([location.latlon for location in locations])
    return distance_m(found, latlon)


def test_photos_are_placed_better_than_by_the_best_tile(locator, take):
    images, latlon = take(40)
    locations = locator.locate(images)
    best = np.array([location.candidates[0].latlon for location in locations])
    error, best_error = errors_m(locations, latlon), distance_m(best, latlon)
    assert np.median(error) < 0.85 * np.median(best_error)
    assert np.mean(error < SIDE_M / 2) > 0.8


def test_a_location_names_its_photo_and_its_candidates(locator, save_photos):
    paths, _ = save_photos(2)
    location = locator.locate(paths, k=7)[1]
    assert location.photo == str(paths[1])
    assert len(location.candidates) == 7
    scores = [candidate.score for candidate in location.candidates]
    assert scores == sorted(scores, reverse=True)
    first = location.candidates[0]
    assert first.id == locator.gallery.tiles.ids[first.row]
    assert len(first.corners_latlon) == 4
    assert first.side_m == pytest.approx(SIDE_M)
    assert 0 < first.belief <= 1


def test_pixels_and_files_give_the_same_place(locator, take, save_photos):
    images, _ = take(3)
    paths, _ = save_photos(3)
    by_file, by_pixels = locator.locate(paths), locator.locate(images)
    assert [one.latlon for one in by_file] == [one.latlon for one in by_pixels]
    assert by_pixels[2].photo == "image 2"


def test_heat_covers_the_gallery_and_peaks_at_the_best_tile(locator, take):
    location = locator.locate(take(1)[0])[0]
    assert location.heat.shape == (len(locator.gallery.tiles),)
    assert location.heat.argmax() == location.candidates[0].row
    assert location.heat.max() == pytest.approx(1)
    assert location.heat.min() >= 0


def test_without_a_calibration_nothing_is_promised(locator, take):
    location = locator.locate(take(1)[0])[0]
    promised = (location.radius_50_m, location.radius_90_m, location.confidence)
    assert promised == (None, None, None)
    assert not location.abstained


def test_more_candidates_than_tiles_are_all_tiles(locator, take):
    assert len(locator.locate(take(1)[0], k=10_000)[0].candidates) == len(locator.gallery.tiles)


def test_less_than_one_candidate_is_refused(locator, take):
    with pytest.raises(UsageError, match="k is 0"):
        locator.locate(take(1)[0], k=0)


def test_no_photos_give_no_places(locator):
    assert locator.locate([]) == []


def test_a_region_keeps_everything_else_out(locator, take):
    images, _ = take(1)
    tiles = locator.gallery.tiles.latlon
    west, east = tiles[:, 1].min() - 0.1, float(np.median(tiles[:, 1]))
    region = Region.box(west, 40, east, 50)
    location = locator.locate(images, region=region, k=500)[0]
    inside = region.mask(tiles)
    assert {c.row for c in location.candidates} == set(np.flatnonzero(inside).tolist())
    assert not location.heat[~inside].any()


def test_a_region_without_tiles_is_named_with_where_the_tiles_are(locator, take):
    with pytest.raises(DataError, match="no tile of the gallery") as caught:
        locator.locate(take(1)[0], region=Region.box(0, 0, 1, 1))
    assert "box:16.0" in str(caught.value.hint)


def test_a_prior_decides_between_places_that_look_alike(locator, ground):
    here, there = (96, 96), (416, 384)
    both = (ground.cut(*here) // 2 + ground.cut(*there) // 2).astype(np.uint8)
    for place in (here, there):
        latlon = tuple(ground.latlon(*place).tolist())
        drawn = locator.locate([both], prior=Prior(latlon, 1000.0))[0]
        assert distance_m(np.array(drawn.latlon), np.array(latlon)) < SIDE_M


def test_a_clear_photo_contradicts_a_wrong_prior(locator, ground):
    latlon = ground.latlon(96, 96)
    wrong = Prior(tuple(ground.latlon(416, 384).tolist()), 300.0)
    found = locator.locate([ground.cut(96, 96)], prior=wrong)[0]
    assert distance_m(np.array(found.latlon), latlon) < SIDE_M


def test_each_photo_may_have_its_own_prior(locator, take):
    images, latlon = take(2)
    priors = [None, Prior((float(latlon[1, 0]), float(latlon[1, 1])), 300.0)]
    own = locator.locate(images, prior=priors)
    free = locator.locate(images)
    assert own[0].latlon == free[0].latlon
    assert own[1].candidates[0].belief > free[1].candidates[0].belief


def test_several_photos_of_one_place_are_placed_better_together(locator, ground):
    x, y = 200, 310
    places, errors = [], []
    truth = ground.latlon(x, y)
    for n in range(12):
        images = [ground.cut(x, y, seed=[9, n, i], noise=220.0) for i in range(4)]
        together = locator.locate(images, fuse=True)
        assert len(together) == 1
        places.append(distance_m(np.array(together[0].latlon), truth))
        errors.extend(errors_m(locator.locate(images), truth))
    assert np.mean(np.array(places) < SIDE_M) > np.mean(np.array(errors) < SIDE_M)


def test_a_fused_location_names_all_photos_and_scores_their_mean(locator, take):
    images, _ = take(1)
    one = locator.locate(images)[0]
    twice = locator.locate([*images, *images], fuse=True, names=["a", "b"])[0]
    assert twice.photo == "a + b"
    assert twice.candidates[0].row == one.candidates[0].row
    assert twice.candidates[0].score == pytest.approx(one.candidates[0].score, abs=1e-5)


def test_photos_across_the_antimeridian_are_placed_on_the_right_side(gallery_across_180, pixels):
    gallery, ground = gallery_across_180
    places = [(x, 250) for x in (200, 240, 256, 270, 320)]
    images = [ground.cut(x, y, seed=n, noise=20.0) for n, (x, y) in enumerate(places)]
    latlon = ground.latlon(*np.array(places).T)
    assert latlon[0, 1] > 179
    assert latlon[-1, 1] < -179
    assert errors_m(Locator(gallery, pixels).locate(images), latlon).max() < SIDE_M


def test_an_encoder_of_another_space_is_refused(gallery):
    with pytest.raises(UsageError, match="not the encoder"):
        Locator(gallery, PixelSession(seed=5))


def test_another_index_finds_the_same_places(gallery, pixels, take):
    images, _ = take(10)
    exact, signs = (
        Locator(gallery, pixels, index=name).locate(images) for name in ("exact", "sign_bits")
    )
    same = [a.candidates[0].row == b.candidates[0].row for a, b in zip(exact, signs, strict=True)]
    assert np.mean(same) > 0.8
    assert signs[0].heat.shape == exact[0].heat.shape


class Backwards:
    """Puts the last candidate first, and remembers what it was shown."""

    def __init__(self, max_candidates=4):
        self.max_candidates, self.seen = max_candidates, []

    def __call__(self, query, candidates):
        sizes = [cv2.imread(str(path)).shape for path in candidates]
        self.seen.append((cv2.imread(str(query)).shape, sizes, list(candidates)))
        return np.arange(len(candidates))[::-1]


def test_a_reranker_orders_at_most_as_many_candidates_as_it_says(gallery, pixels, take):
    images, _ = take(1)
    plain = Locator(gallery, pixels).locate(images, k=6)[0]
    reranker = Backwards(4)
    turned = Locator(gallery, pixels, reranker=reranker).locate(images, k=6)[0]
    rows = [candidate.row for candidate in plain.candidates]
    assert [c.row for c in turned.candidates] == [*rows[:4][::-1], *rows[4:]]
    (query_shape, sizes, paths) = reranker.seen[0]
    assert query_shape == (64, 64, 3)
    assert len(sizes) == 4
    assert not paths[0].exists()


def test_what_a_reranker_changes_is_not_called_calibrated(calibrated, pixels, take):
    location = Locator(calibrated, pixels, reranker=Backwards()).locate(take(1)[0])[0]
    assert location.radius_90_m is None
    assert location.heat.argmax() == location.candidates[0].row


def test_a_reranker_that_gives_no_order_is_named(gallery, pixels, take):
    class Twice(Backwards):
        def __call__(self, query, candidates):
            return np.zeros(len(candidates), int)

    with pytest.raises(ComponentError, match="as the order of 4 candidates"):
        Locator(gallery, pixels, reranker=Twice()).locate(take(1)[0])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 9, 3)),
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((2, 2, 3), object),
        None,
    ],
    ids=["floats", "grey", "with alpha", "empty", "objects", "nothing"],
)
def test_what_is_no_picture_is_refused_with_its_number(locator, take, image):
    with pytest.raises(UsageError, match=r"image 1: is .* wanted a path or uint8"):
        locator.locate([take(1)[0][0], image])

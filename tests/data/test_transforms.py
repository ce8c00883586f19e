from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from georet.data.transforms import (
    BlurOrSharpen,
    ColourJitter,
    Dropout,
    Flip,
    JpegArtefacts,
    RotateRoll,
    RotateTile,
)
from georet.errors import ConfigError
from georet.types import Pixels

IMAGE_TRANSFORMS = [RotateTile, JpegArtefacts, ColourJitter, BlurOrSharpen, Dropout]
JOINT_TRANSFORMS = [Flip, RotateRoll]


def polar(tile: Pixels, height: int, width: int) -> Pixels:
    """The panorama a viewer in the tile's centre sees: column 0 looks north, then clockwise."""
    centre = (tile.shape[0] - 1) / 2
    azimuth = 2 * np.pi * np.arange(width) / width
    radius = centre * (1 - (np.arange(height) + 0.5) / height)
    x = (centre + radius[:, None] * np.sin(azimuth)).astype(np.float32)
    y = (centre - radius[:, None] * np.cos(azimuth)).astype(np.float32)
    return np.asarray(cv2.remap(tile, x, y, cv2.INTER_LINEAR), np.uint8)


def views(picture: Pixels) -> dict[str, Pixels]:
    return {"query": polar(picture, 32, 128), "reference": picture}


@pytest.mark.parametrize("make", IMAGE_TRANSFORMS)
def test_an_image_transform_keeps_shape_and_type_and_its_input(
    make: Callable[..., Any], picture: Pixels
) -> None:
    transform, before = make(p=1), picture.copy()
    changed = 0
    for seed in range(12):
        out = transform(picture, np.random.default_rng(seed))
        assert out.shape == picture.shape
        assert out.dtype == np.uint8
        assert out.flags.c_contiguous
        changed += not np.array_equal(out, picture)
    assert changed >= 10
    np.testing.assert_array_equal(picture, before)
    assert transform.joint is False


@pytest.mark.parametrize("make", JOINT_TRANSFORMS)
def test_a_joint_transform_keeps_shapes_and_its_input(
    make: Callable[..., Any], picture: Pixels
) -> None:
    images = views(picture)
    before = {view: image.copy() for view, image in images.items()}
    out = make(p=1)(images, np.random.default_rng(0))
    for view, image in before.items():
        np.testing.assert_array_equal(images[view], image)
        assert out[view].shape == image.shape
        assert not np.array_equal(out[view], image)
    assert make(p=1).joint is True


@pytest.mark.parametrize("make", IMAGE_TRANSFORMS + JOINT_TRANSFORMS)
def test_probability_zero_changes_nothing(make: Callable[..., Any], picture: Pixels) -> None:
    given = views(picture) if make in JOINT_TRANSFORMS else picture
    for seed in range(20):
        assert make(p=0)(given, np.random.default_rng(seed)) is given


@pytest.mark.parametrize("make", IMAGE_TRANSFORMS + JOINT_TRANSFORMS)
def test_the_generator_decides_everything(make: Callable[..., Any], picture: Pixels) -> None:
    given = views(picture) if make in JOINT_TRANSFORMS else {"image": picture}

    def out(seed: int) -> dict[str, Pixels]:
        rng = np.random.default_rng(seed)
        if make in JOINT_TRANSFORMS:
            return make()(given, rng)
        return {"image": make()(given["image"], rng)}

    for seed in range(8):
        for view, image in out(seed).items():
            np.testing.assert_array_equal(image, out(seed)[view])


@pytest.mark.parametrize("make", IMAGE_TRANSFORMS + JOINT_TRANSFORMS)
def test_the_share_of_changes_is_p(make: Callable[..., Any], picture: Pixels) -> None:
    given = views(picture) if make in JOINT_TRANSFORMS else picture
    rng, transform = np.random.default_rng(5), make(p=0.25)
    share = np.mean([transform(given, rng) is not given for _ in range(400)])
    assert 0.18 < share < 0.32


@pytest.mark.parametrize(
    ("make", "options", "key"),
    [
        (Flip, {"p": 1.5}, "Flip.p"),
        (RotateRoll, {"p": -0.1}, "RotateRoll.p"),
        (RotateTile, {"p": float("nan")}, "RotateTile.p"),
        (JpegArtefacts, {"quality": (100, 90)}, "JpegArtefacts.quality"),
        (JpegArtefacts, {"quality": (0, 90)}, "JpegArtefacts.quality"),
        (ColourJitter, {"hue": 0.6}, "ColourJitter.hue"),
        (ColourJitter, {"contrast": -1}, "ColourJitter.contrast"),
        (BlurOrSharpen, {"kernel": (3, 6)}, "BlurOrSharpen.kernel"),
        (BlurOrSharpen, {"sigma": (0, 1)}, "BlurOrSharpen.sigma"),
        (Dropout, {"grid_ratio": 2}, "Dropout.grid_ratio"),
        (Dropout, {"holes": (10,)}, "Dropout.holes"),
        (Dropout, {"hole_size": (0.1, 1.2)}, "Dropout.hole_size"),
    ],
)
def test_a_senseless_option_is_an_error_that_names_it(
    make: Callable[..., Any], options: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**options)
    assert caught.value.where == key


def test_the_turned_tile_still_shows_the_rolled_panorama(picture: Pixels) -> None:
    seen = set()
    for seed in range(20):
        out = RotateRoll(p=1)(views(picture), np.random.default_rng(seed))
        difference = polar(out["reference"], 32, 128).astype(int) - out["query"]
        assert np.abs(difference).max() <= 2
        seen.add(out["query"].tobytes())
    assert len(seen) == 3


def test_turning_and_rolling_follow_the_reference_implementation(picture: Pixels) -> None:
    out = RotateRoll(p=1)(views(picture), np.random.default_rng(0))
    matches = [
        np.array_equal(out["reference"], np.rot90(picture, r))
        and np.array_equal(out["query"], np.roll(views(picture)["query"], -r * 32, axis=1))
        for r in (1, 2, 3)
    ]
    assert sum(matches) == 1


def test_other_views_can_be_turned_and_rolled(picture: Pixels) -> None:
    images = {"query": picture, "reference": picture, "street": polar(picture, 32, 128)}
    out = RotateRoll(p=1, tile="query", panorama="street")(images, np.random.default_rng(0))
    np.testing.assert_array_equal(out["reference"], picture)
    assert not np.array_equal(out["query"], picture)


def test_flipping_twice_gives_the_images_back(picture: Pixels) -> None:
    images, rng = views(picture), np.random.default_rng(0)
    flipped = Flip(p=1)(images, rng)
    np.testing.assert_array_equal(flipped["reference"], picture[:, ::-1])
    np.testing.assert_array_equal(Flip(p=1)(flipped, rng)["query"], images["query"])


def test_only_square_tiles_can_be_turned(picture: Pixels) -> None:
    flat = picture[:48]
    with pytest.raises(ConfigError, match="the reference is 48 x 96"):
        RotateRoll(p=0)({"query": picture, "reference": flat}, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="only a square"):
        RotateTile(p=0)(flat, np.random.default_rng(0))


def test_a_view_that_is_not_there_is_named(picture: Pixels) -> None:
    with pytest.raises(ConfigError, match="no view 'street'") as caught:
        RotateRoll(panorama="street")(views(picture), np.random.default_rng(0))
    assert caught.value.where == "RotateRoll.panorama"


def test_turning_a_tile_reaches_all_four_directions_equally(picture: Pixels) -> None:
    rng = np.random.default_rng(0)
    turned = [np.rot90(picture, r).tobytes() for r in range(4)]
    counts = np.zeros(4)
    for _ in range(400):
        counts[turned.index(RotateTile()(picture, rng).tobytes())] += 1
    assert counts.min() > 70


def test_lower_quality_leaves_larger_artefacts(picture: Pixels) -> None:
    def error(quality: int) -> float:
        out = JpegArtefacts(quality=(quality, quality), p=1)(picture, np.random.default_rng(0))
        return float(np.abs(out.astype(int) - picture).mean())

    assert 0 < error(95) < error(50) < error(5)


def test_each_colour_option_changes_what_it_names(picture: Pixels) -> None:
    still = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}

    def hsv(image: Pixels) -> Pixels:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), np.uint8).astype(int)

    def jittered(key: str, value: float, seed: int) -> Pixels:
        return ColourJitter(**(still | {key: value}), p=1)(picture, np.random.default_rng(seed))

    for seed in range(4):
        ratio = jittered("brightness", 0.15, seed) / np.maximum(picture, 1)
        assert ratio.std() < 0.02
        assert 0.84 < ratio.mean() < 1.16
        contrast = jittered("contrast", 0.15, seed).astype(int)
        assert abs(contrast.mean() - picture.mean()) < 4
        assert contrast.std() != pytest.approx(picture.std(), abs=0.05)
        grey = [
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(int)
            for image in (jittered("saturation", 0.15, seed), picture)
        ]
        assert np.abs(grey[0] - grey[1]).max() <= 2
        turned = hsv(jittered("hue", 0.15, seed))
        assert np.abs(turned[..., 2] - hsv(picture)[..., 2]).max() <= 2


def test_hue_goes_round_the_circle() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    jitter = ColourJitter(brightness=0, contrast=0, saturation=0, hue=0.5, p=1)
    hues = []
    for seed in range(40):
        out = cv2.cvtColor(jitter(red, np.random.default_rng(seed)), cv2.COLOR_RGB2HSV)
        hues.append(int(out[0, 0, 0]))
    assert min(hues) < 40
    assert max(hues) > 140


def test_no_jitter_is_the_identity(picture: Pixels) -> None:
    out = ColourJitter(brightness=0, contrast=0, saturation=0, hue=0, p=1)(
        picture, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(out, picture)


def test_blurring_smooths_and_sharpening_roughens() -> None:
    noise = np.random.default_rng(0).integers(90, 160, (64, 64, 3), dtype=np.uint8)
    means, stds = [], []
    for seed in range(40):
        out = BlurOrSharpen(p=1)(noise, np.random.default_rng(seed))
        means.append(out.mean())
        stds.append(out.std())
    smoother = np.mean(np.array(stds) < 0.99 * noise.std())
    rougher = np.mean(np.array(stds) > 1.2 * noise.std())
    assert 0.1 < smoother < 0.7
    assert 0.3 < rougher < 0.7


def test_the_grid_has_ten_cells_with_holes_of_the_given_ratio() -> None:
    white = np.full((100, 200, 3), 255, np.uint8)
    outs = [Dropout(p=1, grid_ratio=0.4)(white, np.random.default_rng(s)) for s in range(10)]
    grids = [out for out in outs if (out[:8, :8] == 0).all() and (out[8:20, 8:20] == 255).all()]
    assert grids
    assert (grids[0] == 0).mean() == pytest.approx(0.4**2, abs=0.001)
    assert (grids[0][20:28, 180:188] == 0).all()


def test_scattered_holes_have_the_given_number_and_size() -> None:
    white = np.full((100, 400, 3), 255, np.uint8)
    shares = []
    for seed in range(30):
        out = Dropout(p=1, grid_ratio=0.0, holes=(1, 1), hole_size=(0.2, 0.2))(
            white, np.random.default_rng(seed)
        )
        rows, columns = np.nonzero(out[..., 0] == 0)
        if len(rows) == 400:
            assert np.ptp(rows) == 19
            assert np.ptp(columns) == 19
        shares.append(len(rows))
    assert shares.count(400) > 5


def test_holes_cover_what_sample4geo_covers() -> None:
    white = np.full((384, 384, 3), 255, np.uint8)
    rng = np.random.default_rng(0)
    covered = [float((Dropout(p=1)(white, rng) == 0).mean()) for _ in range(60)]
    assert all(0.05 < share < 0.7 for share in covered)

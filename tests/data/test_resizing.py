"""The named rules of resizing: what each does, and that a run's own is used everywhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import simplejpeg
import yaml
from PIL import Image

from georet.config import FIRST_RULE, RESIZE_RULE, DataConfig
from georet.configure import load_resolved
from georet.data.images import preprocess, read_image
from georet.data.loader import ImageLoader
from georet.data.resizing import FAST, RULES, halved, resize, rule_of
from georet.errors import UsageError
from georet.types import ImageTable

SMOOTH = "bilinear-antialias"


@pytest.fixture
def stripes():
    """Black and white columns of one pixel: what only smoothing turns grey."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = 255
    return image


@pytest.fixture
def smooth_picture():
    coarse = np.random.default_rng(3).integers(0, 256, (24, 48, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (1024, 512), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_the_smooth_rule_averages_what_the_first_one_skips(stripes):
    assert np.abs(resize(stripes, (9, 9), SMOOTH).astype(int) - 127).max() < 12
    assert np.ptp(resize(stripes, (9, 9), FIRST_RULE).astype(int)) > 100


@pytest.mark.parametrize("size", [(7, 9), (16, 48), (3, 64)])
def test_the_smooth_rule_is_a_triangle_filter_as_wide_as_the_shrinking(size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    weights = [_triangles(num, 64) for num in size]
    expected = np.einsum("yi,xj,ijc->yxc", weights[0], weights[1], image.astype(float))
    assert np.abs(resize(image, size, SMOOTH) - expected).max() <= 1


def _triangles(num_out: int, num_in: int):
    scale = num_in / num_out
    centres = (np.arange(num_out) + 0.5) * scale
    distance = np.abs(np.arange(num_in) + 0.5 - centres[:, None]) / max(1.0, scale)
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("fast", ["", FAST])
def test_enlarging_is_the_same_under_both_rules(smooth_picture, fast):
    part = smooth_picture[:40, :30]
    wanted = resize(part, (95, 77), FIRST_RULE).astype(int)
    assert np.abs(resize(part, (95, 77), SMOOTH + fast) - wanted).max() <= 1


@pytest.mark.parametrize("rule", RULES)
def test_an_image_of_the_right_size_is_left_as_it_is(stripes, rule):
    assert resize(stripes, (64, 64), rule) is stripes


@pytest.mark.parametrize("rule", ["", "bicubic", "bilinear", "bilinear-exact+"])
def test_an_unknown_rule_is_refused_by_name(stripes, rule):
    with pytest.raises(UsageError, match="no rule") as caught:
        resize(stripes, (8, 8), rule)
    assert SMOOTH in str(caught.value)


@pytest.mark.parametrize("base", [FIRST_RULE, SMOOTH])
@pytest.mark.parametrize("size", [(140, 768), (96, 96), (60, 100)])
def test_pixels_under_a_fast_rule_are_close_to_a_jpeg_decoded_by_it(
    tmp_path, smooth_picture, base, size
):
    path = tmp_path / "a.jpg"
    path.write_bytes(simplejpeg.encode_jpeg(smooth_picture, quality=95, colorsubsampling="444"))
    scaled = read_image(path, size=size, rule=base + FAST).astype(float)
    pixels = preprocess(read_image(path), size, base + FAST)
    assert 10 * np.log10(255**2 / np.mean((scaled - pixels) ** 2)) > 33


def test_halving_averages_blocks_and_cuts_what_fills_none():
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    found = halved(image, 1)
    assert found.shape == (2, 3, 3)
    assert found[0, 0, 0] == round(image[:2, :2, 0].mean())


@pytest.mark.parametrize("rule", RULES)
def test_reading_loading_and_pixels_agree_under_every_rule(tmp_path, rule):
    image = np.random.default_rng(1).integers(0, 256, (100, 130, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(image).save(path)
    table = ImageTable(["a"], [path], None, {}, "one")
    wanted = preprocess(image, (24, 32), rule)
    assert np.array_equal(read_image(path, size=(24, 32), rule=rule), wanted)
    [(_, loaded)] = ImageLoader(table, size=(24, 32), batch_size=1, rule=rule)
    assert np.array_equal(loaded[0].numpy(), wanted)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("rule", [FIRST_RULE, SMOOTH])
def test_a_runs_rule_is_made_of_both_settings(rule, fast):
    assert rule_of(DataConfig(resize=rule, fast=fast)) == rule + FAST * fast
    assert rule_of(DataConfig(resize=rule, fast=fast)) in RULES


def test_a_run_that_names_no_rule_was_made_under_the_first(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    config = {
        "dataset": {"name": "x"},
        "encoder": {"backbone": {"name": "x"}},
        "losses": [{"name": "x"}],
        "sampler": {"name": "x"},
    }
    for data in ({}, {"data": {"fast": True}}, {"data": {"resize": SMOOTH}}):
        path.write_text(yaml.safe_dump(config | data))
        named = data.get("data", {}).get("resize")
        assert load_resolved(path).data.resize == (named or FIRST_RULE)


def test_new_runs_take_the_one_default():
    assert DataConfig().resize == RESIZE_RULE
    assert rule_of(DataConfig()) in RULES


def test_cropping_keeps_the_middle_in_its_proportions(smooth_picture):
    # 512 x 1024: of a square the middle 512 columns are kept.
    found = resize(smooth_picture, (64, 64), f"{SMOOTH}-crop")
    middle = np.ascontiguousarray(smooth_picture[:, 256:768])
    assert np.array_equal(found, resize(middle, (64, 64), SMOOTH))
    turned = np.ascontiguousarray(smooth_picture.transpose(1, 0, 2))
    tall = resize(turned, (64, 64), f"{SMOOTH}-crop").transpose(1, 0, 2)
    # Rows are made narrow first, so that a turned image may differ by a rounding.
    assert np.abs(tall.astype(int) - found).max() <= 1


def test_letterboxing_keeps_all_with_grey_around_it(smooth_picture):
    found = resize(smooth_picture, (64, 64), f"{SMOOTH}-letterbox")
    assert np.array_equal(found[16:48], resize(smooth_picture, (32, 64), SMOOTH))
    assert (found[:16] == (124, 116, 104)).all()
    assert (found[48:] == (124, 116, 104)).all()


@pytest.mark.parametrize("shape", ["-crop", "-letterbox"])
@pytest.mark.parametrize("fast", ["", FAST])
def test_a_circle_stays_one_whatever_the_photos_shape(shape, fast):
    photo = np.zeros((600, 900, 3), np.uint8)
    cv2.circle(photo, (450, 300), 150, (255, 255, 255), -1)
    found = resize(photo, (90, 90), f"{SMOOTH}{shape}{fast}")
    white = found[:, :, 0] > 200
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    assert abs(len(rows) - len(columns)) <= 1
    squashed = resize(photo, (90, 90), SMOOTH)[:, :, 0] > 200
    assert squashed.any(axis=1).sum() > 1.3 * squashed.any(axis=0).sum()


@pytest.mark.parametrize("shape", ["-crop", "-letterbox"])
@pytest.mark.parametrize("size", [(1, 900), (900, 1), (1, 1), (3, 7)])
def test_proportions_that_hardly_fit_still_give_the_size(shape, size):
    image = np.full((*size, 3), 77, np.uint8)
    assert resize(image, (32, 48), f"{SMOOTH}{shape}").shape == (32, 48, 3)


@pytest.mark.parametrize("shape", ["crop", "letterbox"])
def test_a_square_is_the_same_under_all_smooth_rules(smooth_picture, shape):
    square = np.ascontiguousarray(smooth_picture[:, :512])
    expected = resize(square, (96, 96), SMOOTH)
    assert np.array_equal(resize(square, (96, 96), f"{SMOOTH}-{shape}"), expected)


def test_a_run_may_ask_for_them_and_others_keep_the_squash():
    data = DataConfig(size={"query": (32, 32)}, resize=f"{SMOOTH}-letterbox", fast=True)
    assert rule_of(data) == f"{SMOOTH}-letterbox{FAST}"
    assert rule_of(DataConfig(size={"query": (32, 32)})) == SMOOTH == RESIZE_RULE

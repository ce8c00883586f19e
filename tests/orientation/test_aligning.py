"""A landmark drawn into panorama and tile: whatever is done to both, the label says their angle."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from georet.contracts.transforming import TransformContext, Visit
from georet.data.transforms import FieldOfView, Flip, RotateRoll, RotateTile
from georet.testing import check_transform
from georet.testing.loss_check import batch_of
from georet.testing.synthetic import made_up_pairs
from georet_orientation.align import AlignTile
from georet_orientation.labels import followed

SIDE, WIDTH = 129, 360


def tile_with(bearing_deg: float) -> np.ndarray:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    angle = np.radians(bearing_deg)
    centre = (SIDE - 1) / 2 + 40 * np.array([np.sin(angle), -np.cos(angle)])
    cv2.circle(image, tuple(np.round(centre).astype(int).tolist()), 5, (255, 255, 255), -1)
    return image


def panorama_with(azimuth_deg: float) -> np.ndarray:
    """Its middle column is azimuth 0."""
    image = np.zeros((32, WIDTH, 3), np.uint8)
    columns = (np.arange(-4, 5) + round(WIDTH / 2 + azimuth_deg * WIDTH / 360)) % WIDTH
    image[:, columns] = 255
    return image


def bearing_of(tile) -> float:
    rows, columns = np.nonzero(tile[..., 0] > 127)
    middle = (SIDE - 1) / 2
    return float(np.degrees(np.arctan2(columns.mean() - middle, middle - rows.mean())))


def azimuth_of(panorama) -> float:
    seen = np.flatnonzero(panorama[8, :, 0] > 127)
    angles = (seen + 0.5 - WIDTH / 2) * 2 * np.pi / WIDTH
    return float(np.degrees(np.angle(np.exp(1j * angles).mean())))


ALIGN = AlignTile(noise_deg=25)
CASES = {
    "nothing": ([], {}),
    "flip": ([Flip(p=1)], {}),
    "rotate_roll": ([RotateRoll(p=1)], {}),
    "align": ([ALIGN], {}),
    "flip, then align": ([Flip(p=1), ALIGN], {}),
    "align, then flip": ([ALIGN, Flip(p=1)], {}),
    "align between others": ([RotateRoll(p=1), ALIGN, Flip(p=1)], {}),
    "align, then the tile alone": ([Flip(p=1), ALIGN], {"reference": RotateTile(p=1)}),
    "a turned view of all": ([Flip(p=1)], {"query": FieldOfView(degrees=360)}),
    "a turned view, then align and flip": ([ALIGN, Flip(p=1)], {"query": FieldOfView(degrees=360)}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_the_label_is_the_angle_between_both_images(case, seed):
    rng = np.random.default_rng(seed)
    heading_deg, bearing_deg = rng.uniform(0, 360, 2)
    table = replace(made_up_pairs(1), columns={"yaw_rad": np.radians([heading_deg])})
    images = {
        "query": panorama_with(bearing_deg - heading_deg),
        "reference": tile_with(bearing_deg),
    }
    sizes = {view: image.shape[:2] for view, image in images.items()}
    visit = Visit(table, 0, 0, 0, 0.0, sizes, sizes, {"query": 0, "reference": 0})
    joint, single = CASES[case]
    if "query" in single:  # as the loader does: before all others
        images["query"] = single["query"](images["query"], rng, TransformContext(visit, "query"))
    for transform in joint:
        images = transform(images, rng, TransformContext(visit))
    if "reference" in single:
        own = TransformContext(visit, "reference")
        images["reference"] = single["reference"](images["reference"], rng, own)
    reports = {name: np.array([value], np.float32) for name, value in visit.applied.items()}
    label = np.degrees(followed(batch_of(table, np.arange(1), reports), "yaw_rad"))[0]
    seen = bearing_of(images["reference"]) - azimuth_of(images["query"])
    assert abs((label - seen + 180) % 360 - 180) < 2.5


def test_aligned_tiles_point_where_the_photo_looks_up_to_the_rest():
    table = replace(made_up_pairs(1), columns={"yaw_rad": np.array([2.0])})
    visit = Visit(table, 0, 0, 0, 0.0, {}, {}, {"query": 0, "reference": 0})
    images = {"query": panorama_with(0), "reference": tile_with(np.degrees(2.0))}
    found = AlignTile(noise_deg=0)(images, np.random.default_rng(0), TransformContext(visit))
    assert abs(bearing_of(found["reference"])) < 1
    assert visit.applied == {"yaw_rad": 0.0, "yaw_weight": 1.0, "yaw_seen_flip": 0.0}


def test_a_photo_without_a_certain_heading_is_no_reason_to_turn():
    columns = {"yaw_rad": np.array([2.0]), "w": np.array([0.0])}
    visit = Visit(
        replace(made_up_pairs(1), columns=columns),
        0,
        0,
        0,
        0.0,
        {},
        {},
        {"query": 0, "reference": 0},
    )
    images = {"query": panorama_with(0), "reference": tile_with(90)}
    align = AlignTile(noise_deg=0, weight="w")
    found = align(images, np.random.default_rng(0), TransformContext(visit))
    assert np.array_equal(found["reference"], images["reference"])
    assert visit.applied["yaw_weight"] == 0


def test_it_keeps_the_contract_of_transforms():
    table = replace(made_up_pairs(4), columns={"yaw_rad": np.arange(4.0)})
    check_transform(AlignTile(noise_deg=10, p=0.5), pairs=table)

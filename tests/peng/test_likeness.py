"""Which street images show what a photo shows: what others have as well tells nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from georet_peng.posing.features import Rays, rays_of
from georet_peng.posing.likeness import likenesses

WEST = np.radians(-90)


def rays(rng, num, azimuth_rad=None):
    """Return features whose descriptors have next to nothing in common."""
    found = rng.normal(size=(num, 128)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    at = rng.uniform(-np.pi, np.pi, num) if azimuth_rad is None else azimuth_rad
    return Rays(at, rng.uniform(-0.3, 0.3, num), found)


def together(*parts):
    return Rays(
        np.concatenate([each.azimuth_rad for each in parts]),
        np.concatenate([each.elevation_rad for each in parts]),
        np.concatenate([each.descriptors for each in parts]),
    )


def turned(part, by_rad):
    azimuth = (part.azimuth_rad + by_rad + np.pi) % (2 * np.pi) - np.pi
    return Rays(azimuth, part.elevation_rad, part.descriptors)


def test_the_image_that_alone_shows_a_photos_features_where_it_does_is_likest():
    rng = np.random.default_rng(0)
    photo, others = rays(rng, 12), [rays(rng, 60) for _ in range(60)]
    streets = [*others, together(rays(rng, 60), turned(photo, np.radians(6)))]
    # The same things on the other side of the street are other things.
    streets.append(together(rays(rng, 60), turned(photo, np.pi)))
    found = likenesses(photo, streets, np.zeros(1))
    assert found.shape == (62, 1)
    assert found[:, 0].argmax() == 60
    assert found[60, 0] > 3 * np.delete(found[:, 0], 60).max()
    # What half of the images have as well counts for none of them.
    streets = [together(each, photo) if at % 2 else each for at, each in enumerate(streets)]
    assert likenesses(photo, streets, np.zeros(1)).max() < 0.1


def test_the_heading_follows_from_the_turn_that_is_likest():
    rng = np.random.default_rng(1)
    street = rays(rng, 40)
    streets = [rays(rng, 60) for _ in range(30)] + [street]
    photo = turned(street, -WEST)
    turns = np.radians(np.arange(24) * 15.0)
    found = likenesses(photo, streets, turns)
    row, turn = np.unravel_index(found.argmax(), found.shape)
    assert row == 30
    # Directions within two bins are taken as the same one.
    assert np.degrees(turns[turn]) == pytest.approx(270, abs=15.1)


def test_a_street_image_without_features_is_like_nothing():
    rng = np.random.default_rng(2)
    photo, none = rays(rng, 5), Rays(np.empty(0), np.empty(0), np.empty((0, 128), np.float32))
    assert likenesses(photo, [none, none], np.zeros(1)).tolist() == [[0.0], [0.0]]


def test_features_stand_upright_and_each_place_counts_once():
    rng = np.random.default_rng(3)
    image = cv2.resize(rng.integers(0, 255, (24, 48, 3), np.uint8), (256, 128))
    found = rays_of(image)
    assert 50 < len(found) <= 800
    assert np.linalg.norm(found.descriptors, axis=1) == pytest.approx(1, abs=1e-3)
    rolled = rays_of(np.roll(image, 64, axis=1))
    turn = likenesses(rolled, [found, rays_of(image[:, ::-1])], np.radians([0.0, 90, 180, 270]))
    assert np.unravel_index(turn.argmax(), turn.shape) == (0, 3)
    # On its side an image is another one.
    strongest = found.descriptors[:40]
    tilted = rays_of(np.ascontiguousarray(np.rot90(np.tile(image, (2, 1, 1)))))
    alike = (strongest @ rolled.descriptors.T).max(axis=1)
    assert np.median(alike) > np.median((strongest @ tilted.descriptors.T).max(axis=1)) + 0.1

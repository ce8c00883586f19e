"""Distances that fit the spacing of a gallery: steps of 1, 2, 5 around it."""

from __future__ import annotations

import numpy as np
import pytest

from georet.evaluate import evaluate_embeddings
from georet.evaluate.metrics import limits_of_scale
from georet.geodesy import destination


def line(spacing_m: float, num: int = 20) -> np.ndarray:
    start = np.array([[47.0, 8.0]])
    return np.concatenate([destination(start, 0.0, np.array([n * spacing_m])) for n in range(num)])


@pytest.mark.parametrize(
    ("spacing_m", "limits_m"),
    [
        (0.5, (1, 2, 5, 10, 20, 50)),
        (15, (5, 10, 20, 50, 100, 200)),
        (100, (50, 100, 200, 500, 1000, 2000)),
        (3000, (1000, 2000, 5000, 10e3, 20e3, 50e3)),
        (200e3, (50e3, 100e3, 200e3, 500e3, 1000e3, 2000e3)),
    ],
)
def test_limits_begin_at_about_a_quarter_of_the_spacing(spacing_m, limits_m):
    assert limits_of_scale(line(spacing_m)) == limits_m


def test_tiles_of_one_place_count_once():
    places = line(100)
    assert limits_of_scale(np.repeat(places, 5, axis=0)) == limits_of_scale(places)


def test_many_places_are_sampled_and_one_has_no_scale():
    assert limits_of_scale(line(15, 30_001)[:, :]) == (5, 10, 20, 50, 100, 200)
    assert limits_of_scale(line(15, 1)) is None


def test_the_protocol_of_own_data_adds_shares_at_these_limits():
    places = line(15, 4)
    vectors = np.eye(4, dtype=np.float32)
    given = {"query_latlon": places, "reference_latlon": places}
    found = evaluate_embeddings(vectors, vectors, np.arange(4), protocol="recall/scaled", **given)
    fixed = evaluate_embeddings(vectors, vectors, np.arange(4), protocol="recall", **given)
    assert [key for key in found if key.startswith("within")] == [
        f"within_{m}m" for m in (5, 10, 20, 50, 100, 200)
    ]
    assert [key for key in fixed if key.startswith("within")] == [
        f"within_{m}m" for m in (1, 5, 25, 50, 100, 1000)
    ]
    assert found["within_5m"] == 100

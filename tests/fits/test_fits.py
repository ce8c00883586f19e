"""The numerics of whitening, PCA and Procrustes, against cases with known answers."""

import numpy as np
import pytest

from georet.contracts.encoding import Affine
from georet.errors import ConfigError, TrainingError
from georet.fits.procrustes import Procrustes, nearest_rotation
from georet.fits.spectrum import spectrum_of
from georet.fits.whitening import PCA, Whitening
from georet.testing import check_fit

PAIRS = np.stack([np.arange(300)] * 2, axis=1)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cloud(num=300, dim=6, rank=None, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(num, rank or dim)) * np.linspace(2, 0.3, rank or dim)
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    return unit(np.pad(rows, ((0, 0), (0, dim - (rank or dim)))) @ turn)


def mapped(affine, rows):
    return rows.astype(np.float64) @ affine.matrix.T + affine.offset


def rotation(dim, seed=1):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]


@pytest.mark.parametrize("fit", [PCA(), PCA(5), Whitening(), Whitening(7, per_view=True)])
def test_the_contract_is_kept(fit):
    check_fit(fit)


def test_procrustes_keeps_the_contract():
    check_fit(Procrustes())
    check_fit(Procrustes("query"))


def test_whitened_rows_have_covariance_one_and_mean_nought():
    rows = cloud()
    white = mapped(Whitening()({"query": rows}, PAIRS[:, :1])["query"], rows)
    assert np.cov(white.T, bias=True) == pytest.approx(np.eye(6), abs=1e-9)
    assert white.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-9)


def test_pca_keeps_the_directions_of_greatest_variance_in_their_order():
    rows = cloud()
    projected = mapped(PCA(3)({"query": rows}, PAIRS[:, :1])["query"], rows)
    covariance = np.cov(projected.T, bias=True)
    largest = np.sort(np.linalg.eigvalsh(np.cov(rows.T.astype(np.float64), bias=True)))[::-1][:3]
    assert np.diag(covariance) == pytest.approx(largest)
    assert covariance - np.diag(np.diag(covariance)) == pytest.approx(np.zeros((3, 3)), abs=1e-12)


def test_shrinkage_leads_from_whitening_to_pca_up_to_one_factor():
    rows = cloud()
    shrunk = Whitening(shrinkage=1.0)({"query": rows}, PAIRS[:, :1])["query"].matrix
    plain = PCA()({"query": rows}, PAIRS[:, :1])["query"].matrix
    factor = shrunk[0] @ plain[0]
    assert shrunk == pytest.approx(factor * plain)


def test_directions_that_are_rounding_errors_alone_are_left_out():
    rows = cloud(dim=32, rank=5)
    # Rounding to float32 makes the 27 other directions vary by 1e-8, not by nought.
    assert np.linalg.matrix_rank(rows - rows.mean(axis=0), tol=0.0) == 32
    assert len(spectrum_of([rows]).variances) == 5
    found = Whitening()({"query": rows}, PAIRS[:, :1])["query"]
    assert found.matrix.shape == (5, 32)
    assert np.abs(found.matrix).max() < 1e3
    with pytest.raises(ConfigError, match=r"vary in 5 directions, fewer than the 6 asked for"):
        Whitening(6)({"query": rows}, PAIRS[:, :1])


def test_fewer_images_than_dimensions_are_no_trouble():
    found = Whitening()({"query": cloud(num=4, dim=16)}, PAIRS[:4, :1])["query"]
    assert found.matrix.shape == (3, 16)


def test_a_collapsed_encoder_is_said():
    rows = np.tile(cloud(num=1), (50, 1))
    with pytest.raises(TrainingError, match=r"all training embeddings are the same"):
        PCA()({"query": rows}, PAIRS[:50, :1])


def test_signs_do_not_depend_on_the_solver():
    for row in spectrum_of([cloud()]).directions:
        assert row[np.abs(row).argmax()] > 0


def test_with_per_view_each_view_has_its_own_mean():
    query, reference = cloud(), unit(cloud(seed=2) + 1)
    found = PCA(per_view=True)({"query": query, "reference": reference}, PAIRS)
    for view, rows in {"query": query, "reference": reference}.items():
        assert mapped(found[view], rows).mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-9)
    pooled = PCA()({"query": query, "reference": reference}, PAIRS)
    assert pooled["query"] is pooled["reference"]


def test_procrustes_finds_the_rotation_between_the_views():
    reference, turn = cloud(), rotation(6)
    query = (reference @ turn).astype(np.float32)
    order = np.random.default_rng(3).permutation(300)
    pairs = np.stack([np.argsort(order), np.arange(300)], axis=1)
    found = Procrustes()({"query": query[order], "reference": reference}, pairs)
    assert found["query"].matrix == pytest.approx(turn, abs=1e-6)
    assert np.array_equal(found["reference"].matrix, np.eye(6))


def test_what_the_pairs_leave_open_is_turned_as_little_as_can_be():
    turn = np.eye(6)
    turn[:2, :2] = [[0, -1], [1, 0]]
    rows = cloud()
    rows[:, 2:] = 0
    found = nearest_rotation((rows @ turn).T.astype(np.float64) @ rows)
    assert found == pytest.approx(turn.T, abs=1e-6)
    assert found @ found.T == pytest.approx(np.eye(6), abs=1e-12)
    assert np.array_equal(nearest_rotation(np.zeros((4, 4))), np.eye(4))


def test_pairs_without_an_image_of_a_view_do_not_count():
    reference, turn = cloud(), rotation(6)
    drone = (reference @ turn).astype(np.float32)
    pairs = np.stack([np.arange(300)] * 3, axis=1)
    pairs[100:, 2] = -1
    drone[100:] = cloud(seed=9)[100:]
    found = Procrustes()({"query": reference, "reference": reference, "drone": drone}, pairs)
    assert found["drone"].matrix == pytest.approx(turn, abs=1e-6)
    assert found["query"].matrix == pytest.approx(np.eye(6), abs=1e-6)


@pytest.mark.parametrize(
    ("fit", "text"),
    [
        (lambda e, _: {"query": Affine(np.eye(16), np.zeros(16))}, "the fit returned"),
        (lambda e, _: {v: Affine(np.eye(3), np.zeros(3)) for v in e}, r"Wanted an Affine"),
        (lambda e, _: {v: Affine(np.eye(16) * np.nan, np.zeros(16)) for v in e}, "finite"),
        (lambda e, _: {v: Affine(np.zeros((2, 16)), np.zeros(2)) for v in e}, "the direction from"),
        (
            lambda e, _: {v: Affine(np.eye(16)[: 3 + n], np.zeros(3 + n)) for n, v in enumerate(e)},
            "E must be the same",
        ),
        (
            lambda e, _: {
                v: Affine(np.random.default_rng().normal(size=(16, 16)), np.zeros(16)) for v in e
            },
            "gave another map",
        ),
    ],
)
def test_the_check_finds_what_keeps_no_contract(fit, text):
    with pytest.raises((AssertionError, Exception), match=text):
        check_fit(fit)

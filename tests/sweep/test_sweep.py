"""The sweep against the full matrix: cosines in fp64, rounded once to fp32."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from georet.errors import DataError
from georet.sweep import score_pairs, sweep, vectors
from georet.sweep.scan_device import DeviceScanner


def cosine_matrix(query, reference):
    query, reference = query.astype(np.float64), reference.astype(np.float64)
    lengths = np.sqrt((query**2).sum(1))[:, None] * np.sqrt((reference**2).sum(1))
    return (query @ reference.T / lengths).astype(np.float32)


def brute_force(scores, threshold, start, ignored, k):
    """Count and sort the full matrix, with the rows that are ignored taken out."""
    scores = scores.copy()
    scores[:, ignored] = -np.inf
    query = np.repeat(np.arange(len(scores)), np.diff(start))
    above = (scores[query] > threshold[:, None]).sum(1)
    top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    top = np.where(np.take_along_axis(scores, top, 1) == -np.inf, -1, top)
    return above, np.pad(top, [(0, 0), (0, k - top.shape[1])], constant_values=-1)


def targets_of(rng, scores, most):
    """Draw up to ``most`` references for each query and take their scores as thresholds."""
    num = rng.integers(0, most + 1, len(scores))
    query = np.repeat(np.arange(len(scores)), num)
    return scores[query, rng.integers(0, scores.shape[1], len(query))], np.append(0, num.cumsum())


@pytest.fixture(params=["cpu", "device"])
def on(request, monkeypatch):
    """Run a test with the compiled scanner, and with the one for accelerators on the CPU."""
    if request.param == "device":
        scanner = lambda work, device, size: DeviceScanner(work, "cpu")  # noqa: E731
        monkeypatch.setattr("georet.sweep.run._scanner", scanner)
    return request.param


@st.composite
def cases(draw):
    """Few small whole numbers in a row, so that duplicates, multiples and ties abound."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    num_queries, num_references = draw(st.integers(1, 9)), draw(st.integers(1, 90))
    num_dimensions, largest = draw(st.sampled_from([1, 2, 3, 63, 64, 130])), draw(st.integers(1, 3))
    shape = num_queries + num_references, num_dimensions
    rows = rng.integers(-largest, largest + 1, shape).astype(np.float32)
    rows[~rows.any(axis=1), 0] = 1
    ignored = np.flatnonzero(rng.random(num_references) < draw(st.sampled_from([0, 0.3, 1])))
    sizes = {"chunk": draw(st.integers(1, 100)), "query_chunk": draw(st.integers(1, 10))}
    return rng, rows[:num_queries], rows[num_queries:], ignored, draw(st.integers(0, 95)), sizes


def check(case):
    rng, query, reference, ignored, k, sizes = case
    scores = cosine_matrix(query, reference)
    threshold, start = targets_of(rng, scores, 4)
    found = sweep(
        vectors(query, "query"),
        vectors(reference, "reference"),
        threshold=threshold,
        start=start,
        ignored=ignored,
        k=k,
        **sizes,
    )
    above, top = brute_force(scores, threshold, start, ignored, k)
    assert found.above.tolist() == above.tolist()
    assert found.top.tolist() == top.tolist()


@settings(max_examples=150, deadline=None)
@given(cases())
def test_counts_and_order_are_those_of_the_full_matrix_with_ties(case):
    check(case)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_an_accelerator_counts_and_orders_the_same(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("georet.sweep.run._scanner", lambda work, *_: DeviceScanner(work, "cpu"))
        check(case)


@pytest.fixture(scope="module", params=["any length", "unit length"])
def embedded(request):
    """Clustered fp32 embeddings, where near scores are decided by the last bits."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((40, 200))
    reference = centres[rng.integers(0, 40, 3000)] + 1e-4 * rng.standard_normal((3000, 200))
    query = centres[rng.integers(0, 40, 70)] + rng.standard_normal((70, 200))
    if request.param == "unit length":
        query /= np.linalg.norm(query, axis=1, keepdims=True)
        reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    return query.astype(np.float32), reference.astype(np.float32)


@pytest.mark.parametrize("sizes", [(1, 70), (7, 3), (999, 64), (1024, 1), (3000, 70), (9999, 99)])
def test_no_chunk_size_changes_a_rank_or_an_order(on, embedded, sizes):
    query, reference = embedded
    scores = cosine_matrix(query, reference)
    threshold, start = targets_of(np.random.default_rng(0), scores, 3)
    found = sweep(
        vectors(query, "query"),
        vectors(reference, "reference"),
        threshold=threshold,
        start=start,
        k=20,
        chunk=sizes[0],
        query_chunk=sizes[1],
    )
    above, top = brute_force(scores, threshold, start, [], 20)
    assert found.above.tolist() == above.tolist()
    assert found.top.tolist() == top.tolist()


def test_duplicates_of_a_positive_never_stand_above_it(on):
    rng = np.random.default_rng(1)
    originals = rng.standard_normal((23, 383)).astype(np.float32)
    row = rng.permutation(np.repeat(np.arange(23), 97))
    query, reference = vectors(originals, "query"), vectors(originals[row], "reference")
    own = np.array([np.flatnonzero(row == i)[rng.integers(97)] for i in range(23)])
    start = np.arange(24)
    for chunk in (2231, 1000, 50):
        score = score_pairs(query, reference, np.arange(23), own)
        found = sweep(query, reference, threshold=score, start=start, k=40, chunk=chunk)
        assert found.above.tolist() == [0] * 23
        expected = [np.flatnonzero(row == i)[:40].tolist() for i in range(23)]
        assert found.top.tolist() == expected


@pytest.mark.parametrize("value", [1.0, 0.1, -7e5])
def test_a_collapsed_network_ties_with_itself(on, value):
    # All terms of these sums are equal, the worst case for the rounding of an fp32 product.
    rows = vectors(np.full((3000, 1003), value), "rows")
    query = vectors(np.full((5, 1003), value), "query")
    score = score_pairs(query, rows, np.arange(5), np.arange(5))
    found = sweep(query, rows, threshold=score, start=np.arange(6), k=3, chunk=700)
    assert found.above.tolist() == [0] * 5
    assert found.top.tolist() == [[0, 1, 2]] * 5


def test_a_coarse_product_only_widens_the_margin(embedded, monkeypatch):
    # As where an accelerator multiplies in ten bits without being asked.
    def coarse(self, query, reference):
        return query.bfloat16().float() @ reference.bfloat16().float().T

    monkeypatch.setattr(DeviceScanner, "_product", coarse)
    monkeypatch.setattr("georet.sweep.run._scanner", lambda work, *_: DeviceScanner(work, "cpu"))
    query, reference = embedded
    scores = cosine_matrix(query, reference)
    threshold, start = targets_of(np.random.default_rng(0), scores, 2)
    sides = vectors(query, "query"), vectors(reference, "reference")
    found = sweep(*sides, threshold=threshold, start=start, k=5, chunk=1000)
    above, top = brute_force(scores, threshold, start, [], 5)
    assert found.above.tolist() == above.tolist()
    assert found.top.tolist() == top.tolist()


def test_lengths_of_rows_do_not_matter(embedded):
    query, reference = embedded
    factor = 2.0 ** np.random.default_rng(0).integers(-30, 30, len(reference))
    scaled = (reference * factor[:, None]).astype(np.float32)
    plain, other = (
        sweep(vectors(query * s, "query"), vectors(r, "reference"), k=50)
        for s, r in ((1, reference), (1024, scaled))
    )
    assert plain.top.tolist() == other.top.tolist()


def test_memory_maps_tensors_and_half_precision_are_taken(tmp_path, embedded):
    query, reference = embedded
    path = tmp_path / "reference.npy"
    np.save(path, reference)
    mapped = np.load(path, mmap_mode="r")
    expected = sweep(vectors(query, "query"), vectors(reference, "reference"), k=5).top
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (mapped, torch.from_numpy(reference).requires_grad_(), reference.T.copy().T):
            found = sweep(vectors(query, "query"), vectors(rows, "reference"), k=5, chunk=512)
            assert found.top.tolist() == expected.tolist()
    halves = reference.astype(np.float16)
    assert np.shares_memory(vectors(mapped, "reference").rows, mapped)
    for rows in (halves, torch.from_numpy(halves)):
        assert vectors(rows, "reference").rows.tolist() == halves.astype(np.float32).tolist()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.zeros((2, 3, 4)), "shape [2, 3, 4], wanted [N, D]"),
        (np.zeros(3), "shape"),
        ([["a", "b"]], "no array of numbers"),
        ([[1, np.nan], [1, 1], [np.inf, 1]], "2 of 3 rows hold NaN"),
        (
            [[1, 1], [0, 0], [0, 0]],
            "2 of 3 rows are zero and so have no direction, the first is row 1",
        ),
    ],
)
def test_rows_without_a_cosine_are_refused_with_their_number(rows, words):
    with pytest.raises(DataError, match=f"^gallery: .*{words.replace('[', '.').split(',')[0]}"):
        vectors(rows, "gallery")


def test_sides_of_different_dimensions_are_refused():
    sides = vectors(np.ones((2, 3)), "query"), vectors(np.ones((2, 4)), "reference")
    with pytest.raises(DataError, match="queries have 3 dimensions, references 4"):
        sweep(*sides, k=1)


def test_a_cosine_that_vanishes_below_zero_ties_with_zero(on):
    reference = vectors([[0, -1e-25, 1], [0, 0, 1], [0, 1e-25, 1]], "reference")
    query = vectors([[1, 1e-25, 0]], "query")
    assert sweep(query, reference, k=3).top.tolist() == [[0, 1, 2]]


def test_the_best_of_references_that_all_point_away_are_found(on):
    rng = np.random.default_rng(4)
    reference, query = rng.random((700, 5)), -rng.random((3, 5))
    sides = vectors(query, "query"), vectors(reference, "reference")
    expected = brute_force(
        cosine_matrix(*(s.rows for s in sides)), np.zeros(0), np.zeros(4, np.int64), [], 4
    )
    assert sweep(*sides, k=4, chunk=500).top.tolist() == expected[1].tolist()

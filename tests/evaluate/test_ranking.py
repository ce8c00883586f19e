"""What does not fit together is refused in words; what fits takes no more memory than it must."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from georet.errors import DataError
from georet.evaluate import evaluate_embeddings, rank_embeddings


def refused(query, reference, positives, **given):
    with pytest.raises(DataError) as caught:
        evaluate_embeddings(query, reference, positives, protocol="cvusa", **given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("positives", "words"),
    [
        (np.array([0, 1]), "positives are for 2 queries, there are 3 embeddings"),
        ([[0], [1]], "positives are for 2 queries, there are 3 embeddings"),
        (np.array([0, 1, 4]), "positive 4 is no row of the 4 references"),
        (np.array([[0, 1], [1, -2], [1, 1]]), "positive -2 is no row of the 4 references"),
        ([[0], [-1], [1]], "positive -1 is no row of the 4 references"),
        ([[0], [1, 9], []], "positive 9 is no row of the 4 references"),
        (np.array([0.0, 1.0, 1.0]), "positives are float64[3, 1], wanted int64[Q, P]"),
        (np.zeros((3, 2, 1), np.int64), "wanted int64[Q, P]"),
        (None, "no positives given"),
    ],
)
def test_positives_that_do_not_fit_are_refused(query, reference, positives, words):
    assert words in refused(query, reference, positives)


@pytest.mark.parametrize(
    ("junk", "words"),
    [
        ([4], "junk holds row 4, there are 4 references"),
        ([-1, 2], "junk holds row -1"),
        ([0], "reference 0 is both junk and the positive of query 0"),
    ],
)
def test_junk_that_does_not_fit_is_refused(query, reference, junk, words):
    assert words in refused(query, reference, np.array([0, 1, 1]), junk=junk)


def test_a_gallery_of_junk_alone_is_refused(query, reference):
    assert "all references are junk" in refused(query, reference, [[], [], []], junk=range(4))


def test_embeddings_without_a_direction_are_refused_with_their_number(query, reference):
    positives = np.array([0, 1, 1])
    query[1:, 2] = np.nan
    assert "query embeddings: 2 of 3 rows hold NaN" in refused(query, reference, positives)
    reference[3] = 0
    assert "reference embeddings: 1 of 4 rows are zero" in refused(
        np.ones((3, 4)), reference, positives
    )


def test_empty_sides_and_other_dimensions_are_refused(query, reference):
    positives = np.array([0, 1, 1])
    assert "there are no references" in refused(query, np.zeros((0, 4)), positives)
    assert "there are no queries" in refused(np.zeros((0, 4)), reference, [])
    assert "queries have 4 dimensions, references 3" in refused(query, np.ones((4, 3)), positives)


@pytest.mark.parametrize(
    ("latlon", "words"),
    [
        (np.zeros((3, 2)), "reference_latlon: shape [3, 2], wanted [4, 2]"),
        (np.full((4, 2), 91), "reference_latlon: latitude, longitude of row 0 are (91.0, 91.0)"),
        (np.full((4, 2), np.nan), "reference_latlon: latitude, longitude of row 0 are (nan, nan)"),
    ],
)
def test_coordinates_that_do_not_fit_are_refused(query, reference, latlon, words):
    assert words in refused(query, reference, np.array([0, 1, 1]), reference_latlon=latlon)


def test_the_lengths_of_embeddings_do_not_matter(query, reference):
    plain, scaled = (
        rank_embeddings(query * s[:3, None], reference * s[:, None], np.array([0, 1, 1]))
        for s in (np.ones(4), np.array([1e-3, 7, 12, 1e6]))
    )
    assert plain.rank.tolist() == scaled.rank.tolist()
    assert plain.top.tolist() == scaled.top.tolist()
    assert plain.top_score == pytest.approx(scaled.top_score)


def test_scores_of_the_best_are_cosines_rounded_once():
    rng = np.random.default_rng(2)
    query, reference = rng.standard_normal((7, 90)), rng.standard_normal((50, 90))
    query, reference = query.astype(np.float32), reference.astype(np.float32)
    ranking = rank_embeddings(query, reference, np.zeros(7, np.int64), top_k=50)
    long = [m.astype(np.float64) for m in (query, reference)]
    cosine = long[0] @ long[1].T / np.outer(*(np.linalg.norm(m, axis=1) for m in long))
    expected = -np.sort(-cosine.astype(np.float32), axis=1)
    assert ranking.top_score.tolist() == expected.tolist()


def test_places_of_tied_positives_are_those_of_a_sort_that_puts_positives_first():
    rng = np.random.default_rng(5)
    query = rng.integers(-1, 2, (40, 3)) + np.array([2, 0, 0])
    reference = rng.integers(-1, 2, (60, 3)) + np.array([0, 0, 3])
    positives = [rng.choice(60, rng.integers(0, 9), replace=False) for _ in query]
    junk = np.setdiff1d(np.arange(0, 60, 7), np.concatenate(positives))
    ranking = rank_embeddings(query, reference, positives, junk=junk)
    unit = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in (query, reference)]
    scores = np.round(unit[0] @ unit[1].T, 6)
    for i, rows in enumerate(positives):
        kept = np.setdiff1d(np.arange(60), junk)
        order = kept[np.lexsort((~np.isin(kept, rows), -scores[i, kept]))]
        found = ranking.positive_ranks[ranking.offsets[i] : ranking.offsets[i + 1]]
        assert found.tolist() == np.flatnonzero(np.isin(order, rows)).tolist()


MEASURE = """
import resource, numpy as np
from georet.evaluate import rank_embeddings
rng = np.random.default_rng(0)
query = rng.standard_normal((20_000, 16), dtype=np.float32)
reference = rng.standard_normal((25_000, 16), dtype=np.float32)
rank_embeddings(query[:50], reference[:50], np.arange(50))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rank_embeddings(query, reference, np.arange(20_000))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads ru_maxrss in kilobytes")
def test_memory_is_that_of_one_block_and_not_of_the_matrix():
    command = [sys.executable, "-c", MEASURE]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # One block is 64 MiB, keys and results take 15 MiB; the matrix would take 1.9 GiB.
    assert int(printed) < 150 * 1024


def test_judging_imports_neither_torch_nor_numba_before_it_is_asked():
    code = "import sys, georet.evaluate; print({'torch', 'numba'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"

"""The check of indexes in regions passes georet's own and finds the mistakes that authors make."""

from __future__ import annotations

import numpy as np
import pytest

from georet import files
from georet.search.exact import ExactIndex
from georet.search.sign_bits import SignBits
from georet.testing import check_index_regions


class FiltersAfterwards(ExactIndex):
    """Takes a hundred rows and only then asks which are allowed, as a graph with a filter does."""

    def find(self, queries, k, allowed):
        found = super().find(queries, min(len(self.rows), max(k, 100)), None)
        if allowed is not None:
            found = np.where((found >= 0) & allowed[found], found, -1)
            order = np.argsort(found < 0, axis=1, kind="stable")
            found = np.take_along_axis(found, order, axis=1)
        return found[:, :k]


class Short(ExactIndex):
    def find(self, queries, k, allowed):
        found = super().find(queries, k, allowed)
        if allowed is not None and allowed.mean() < 0.01:
            found[:, k // 2 :] = -1
        return found


class IgnoresRegions(ExactIndex):
    def find(self, queries, k, allowed):
        return super().find(queries, k, None)


class LosesThePole(ExactIndex):
    def find(self, queries, k, allowed):
        if allowed is not None:
            allowed = allowed.copy()
            allowed[0] = False
        return super().find(queries, k, allowed)


class LastRowFirst(ExactIndex):
    def find(self, queries, k, allowed):
        found = super().find(queries, k, allowed)
        ties = found[:, :4].max(axis=1) - found[:, :4].min(axis=1) == 3
        found[ties, :4] = found[ties, 3::-1]
        return found


class WritesInPlace(ExactIndex):
    def save(self, path):
        path.mkdir(exist_ok=True)
        np.save(path / "embeddings.npy", self.rows.embeddings)
        np.save(path / "ids.npy", self.rows.ids)

    def verify(self, path):
        if not path.is_dir():
            raise FileNotFoundError(path)

    def load(self, path):
        self.verify(path)
        ids = np.load(path / "ids.npy")
        embeddings = np.load(path / "embeddings.npy")
        num = min(len(ids), len(embeddings))
        self._rows = None
        self.add(embeddings[:num], ids[:num])


@pytest.mark.parametrize(
    "make",
    [ExactIndex, SignBits, lambda: SignBits(exact_below=1)],
    ids=["exact", "sign_bits", "sign_bits_never_exact"],
)
def test_our_own_indexes_keep_their_recall_in_regions(make):
    check_index_regions(make)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (FiltersAfterwards, "a region of .* rows gave .* of 10"),
        (Short, "a region of .* rows gave 5 of 10"),
        (IgnoresRegions, "outside the region"),
        (LosesThePole, "a region of 1 rows gave 0 of 1|north pole"),
        (LastRowFirst, "of 4 equal rows"),
    ],
)
def test_a_mistake_is_found(make, fault):
    with pytest.raises(AssertionError, match=fault):
        check_index_regions(make, num_rows=6000)


def test_an_index_written_in_place_is_found_half_written():
    with pytest.raises(AssertionError, match="a save that was killed left an index"):
        check_index_regions(WritesInPlace, num_rows=6000)


def test_an_index_that_leaves_its_temporary_folder_in_the_way_is_found(monkeypatch):
    class Stuck(ExactIndex):
        def save(self, path):
            # The name is fixed and nothing clears it away.
            made = path.with_name("being_made")
            made.mkdir()
            super().save(made / "index")
            with files.replaced_folder(path) as new:
                (made / "index").rename(new)
            made.rmdir()

    with pytest.raises(AssertionError, match="after a killed save, saving fails"):
        check_index_regions(Stuck, num_rows=6000)

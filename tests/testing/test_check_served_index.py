"""The check of indexes on servers passes one that is right and finds what authors forget."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import DataError
from georet.search.exact import ExactIndex
from georet.testing import check_served_index


class Server:
    """Rows by their gallery's key."""

    def __init__(self):
        self.held = {}

    def push(self, rows):
        self.held[rows.key] = rows.embeddings.whole()


class Right:
    def __init__(self, server):
        self.server, self.index = server, ExactIndex()

    def attach(self, rows):
        if rows.key not in self.server.held:
            raise DataError("is not there", where=rows.name)
        held = self.server.held[rows.key]
        self.index.add(held, np.arange(len(held)))

    def search(self, queries, k, region=None):
        return self.index.search(queries, k, region)

    def search_in(self, queries, k, allowed, region):
        return self.search(queries, k, allowed)


class TakesAnything(Right):
    def attach(self, rows):
        self.index.add(rows.embeddings.whole(), np.arange(len(rows)))


class NeedsEmbeddings(Right):
    def attach(self, rows):
        super().attach(rows)
        self.factor = 1.0 if rows.embeddings is not None else 2.0

    def search(self, queries, k, region=None):
        scores, found = super().search(queries, k, region)
        return (scores * self.factor).astype(np.float32), found


class LosesThePole(Right):
    def search_in(self, queries, k, allowed, region):
        scores, found = self.search(queries, k, allowed)
        return scores, np.where(found == 0, -1, found)


class Forgetful(Server):
    def push(self, rows):
        again = rows.key in self.held
        super().push(rows)
        if again:
            self.held[rows.key] = np.roll(self.held[rows.key], 1, axis=0)


def check(server, make):
    check_served_index(server.push, lambda: make(server), num_rows=3000)


def test_one_that_is_right_passes():
    check(Server(), Right)


@pytest.mark.parametrize(
    ("server", "make", "what"),
    [
        (Server, TakesAnything, "attached to a gallery that was never pushed"),
        (Server, LosesThePole, r"a region of \d+ rows gave|were not found"),
        (Server, NeedsEmbeddings, "without embeddings at hand, the same region"),
        (Forgetful, Right, "after a second push, the same region"),
    ],
)
def test_what_authors_forget_is_found(server, make, what):
    with pytest.raises(AssertionError, match=what):
        check(server(), make)

"""The index ``qdrant`` keeps what indexes on servers must, with Qdrant's own engine behind it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from georet.search.served import PlacedRows
from georet.testing import check_plugin, check_served_index
from georet_qdrant.edge import Edge
from georet_qdrant.index import Qdrant
from georet_qdrant.push import collection_of, push


def pusher(folder):
    def bring(rows: PlacedRows) -> None:
        engine = Edge.at(folder)
        push(rows, engine, collection_of(rows))
        engine.settle(collection_of(rows))
        engine.close()

    return bring


def test_the_plugin_declares_what_it_brings():
    loaded = check_plugin("qdrant")
    names = [entry.id for entry in loaded.catalog.entries("indexes")]
    assert "qdrant:qdrant" in names
    assert "gallery push" in loaded.commands()


@pytest.mark.slow
def test_it_finds_what_was_pushed_in_regions_of_all_sizes_and_at_the_edges_of_the_map(tmp_path):
    check_served_index(pusher(tmp_path), lambda: Qdrant(url=str(tmp_path)))


@pytest.mark.slow
def test_its_walk_over_the_graph_keeps_recall_too(tmp_path, monkeypatch):
    # Settings that make a graph of few rows and use it in most regions, as in millions of rows.
    monkeypatch.setattr("georet_qdrant.edge.FULL_SCAN_KB", 10)
    monkeypatch.setattr("georet_qdrant.edge.INDEXING_KB", 200)
    check_served_index(pusher(tmp_path), make_at(tmp_path), num_rows=5000)
    monkeypatch.setattr(Edge, "search", without_acorn(Edge.search))
    with pytest.raises(AssertionError, match="of the best were found"):
        check_served_index(pusher(tmp_path / "plain"), make_at(tmp_path / "plain"), num_rows=5000)


def make_at(folder):
    return lambda: Qdrant(url=str(folder), exact_below=100)


def without_acorn(search):
    """A filtered walk that stops at points which the filter excludes."""

    def plain(self, collection, queries, num, chosen, *, exact):
        lib = self._lib
        params = lib.AcornSearchParams
        self._lib = SimpleNamespace(
            **{name: getattr(lib, name) for name in dir(lib) if name[0].isupper()}
        )
        self._lib.AcornSearchParams = lambda enable, max_selectivity: params(
            enable=False, max_selectivity=max_selectivity
        )
        try:
            return search(self, collection, queries, num, chosen, exact=exact)
        finally:
            self._lib = lib

    return plain

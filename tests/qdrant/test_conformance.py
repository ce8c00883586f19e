"""The index ``qdrant`` keeps what indexes on servers must, with Qdrant's own engine behind it."""

from __future__ import annotations

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

"""Skips where faiss is missing, and embeddings of tiles that stand on a map."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("faiss")


def unit(raw):
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session", params=[True, False], ids=["correlated", "uncorrelated"])
def world(request):
    """20,000 tiles of 48 dimensions and 60 queries: tiles, queries, positions."""
    rng = np.random.default_rng(3)
    latlon = rng.uniform(-40, 40, (20_000, 2))
    cells = np.floor((latlon + 40) / 10).astype(int) @ [1, 8]
    place = cells if request.param else rng.permutation(cells)
    centres = 2 * rng.normal(size=48) + rng.normal(size=(64, 48))
    tiles = unit(centres[place] + 0.6 * rng.normal(size=(20_000, 48)))
    queries = unit(tiles[::333][:60] + 0.5 * rng.normal(size=(60, 48)) / 48**0.5)
    return tiles, queries, latlon

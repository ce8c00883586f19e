"""Embeddings of tiles that stand on a map: clustered, and alike or not where they are near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from georet.types import Bools, Doubles, Floats, Ints


@dataclass(frozen=True)
class World:
    """Tiles [R, D] with positions, and queries [Q, D]."""

    tiles: Floats
    queries: Floats
    latlon: Doubles
    ids: Ints

    def box_of(self, share: float, centre: int = 77) -> Bools:
        """Return bool[R]: the share of tiles nearest to one of them, as a square on the map."""
        away = np.abs(self.latlon - self.latlon[centre]).max(axis=1)
        return away <= np.quantile(away, share)


def unit(raw: np.ndarray) -> Floats:
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def make_world(num: int, embed_dim: int, *, is_correlated: bool, num_queries: int = 60) -> World:
    rng = np.random.default_rng(3)
    latlon = rng.uniform(-40, 40, (num, 2))
    cells = np.floor((latlon + 40) / 10).astype(int) @ [1, 8]
    place = cells if is_correlated else rng.permutation(cells)
    # A narrow cone, clusters in it, tiles around them: as encoders embed.
    cone = 2 * rng.normal(size=embed_dim)
    centres = cone + rng.normal(size=(64, embed_dim))
    tiles = unit(centres[place] + 0.6 * rng.normal(size=(num, embed_dim)))
    rows = rng.choice(num, num_queries, replace=False)
    queries = unit(tiles[rows] + 0.5 * rng.normal(size=(num_queries, embed_dim)) / embed_dim**0.5)
    return World(tiles, queries, latlon, np.arange(num))


@pytest.fixture(scope="session", params=[True, False], ids=["correlated", "uncorrelated"])
def world(request: pytest.FixtureRequest) -> World:
    """20,000 tiles of 48 dimensions."""
    return make_world(20_000, 48, is_correlated=request.param)


@pytest.fixture(scope="session")
def small_world() -> World:
    """400 tiles of 16 dimensions."""
    return make_world(400, 16, is_correlated=True, num_queries=9)

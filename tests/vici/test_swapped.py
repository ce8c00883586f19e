"""Drone photos in the place of tiles, now and then, and the recipe with both branches."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from georet.cli import main
from georet.config import ComponentSpec
from georet.errors import ConfigError
from georet.testing.synthetic import made_up_pairs
from georet.types import ImageTable, PairTable
from georet_vici.swapped import Swapped, shares


class ThreeViews:
    """Four places with a photo, a tile, and drone photos: two, one, two, none."""

    def train(self):
        pairs = made_up_pairs(4)
        ids = [f"drone-{i}" for i in range(5)]
        drone = ImageTable(ids, pairs.queries.paths[:1] * 5, np.full((5, 2), 46.0), name="drone")
        rows = np.array([[0, 0, 0], [1, 1, 2], [2, 2, 3], [3, 3, -1]])
        listed = {"drone": [[0, 1], [], [3, 4], []]}
        views = {**pairs.views, "drone": drone}
        return PairTable(views, rows, columns={"place": np.arange(4)}, alternatives=listed)

    def evaluations(self):
        return {}


def swapped(**options):
    told = SimpleNamespace(create=lambda *_: ThreeViews())
    return Swapped(ComponentSpec(name="three"), told, **options)


def test_a_tile_is_a_drone_photo_of_its_place_with_the_chance_given():
    table = swapped(chance=0.3).train()
    assert list(table.views) == ["query", "reference"]
    assert len(table.references) == 4 + 5
    rng = np.random.default_rng(0)
    for pair, drones in ((0, {4, 5}), (1, {6}), (2, {7, 8}), (3, set())):
        shown = table.draw("reference", np.full(4000, pair), rng.random(4000))
        share = np.mean(shown != pair)
        assert set(shown.tolist()) == {pair, *drones}
        assert share == pytest.approx(0.3 if drones else 0.0, abs=0.03)
        for drone in drones:
            assert np.mean(shown == drone) == pytest.approx(0.3 / len(drones), abs=0.03)
    assert table.pairs.tolist() == [[i, i] for i in range(4)]


@pytest.mark.parametrize(("num", "chance"), [(1, 0.3), (54, 0.3), (54, 0.01), (7, 0.95)])
def test_the_shares_come_to_the_chance(num, chance):
    found = shares(-1, list(range(num)), chance)
    assert np.mean([row >= 0 for row in found]) == pytest.approx(chance, abs=2e-3)
    assert len({found.count(row) for row in range(num)}) == 1
    assert shares(-1, list(range(num)), 0.0) == [-1]
    assert shares(-1, list(range(num)), 1.0) == list(range(num))
    assert shares(-1, [], 0.3) == [-1]


def test_a_view_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="no further view 'street'"):
        swapped(view="street").train()


def test_the_recipe_is_valid_by_its_name_alone():
    asked = ["config", "validate", "--recipe", "vici/university-1652", "--plugins", "vici"]
    assert main(asked) == 0

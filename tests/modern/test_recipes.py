"""Recipes of our own: valid by their names alone, and apart from Sample4Geo's in what they say."""

from __future__ import annotations

import pytest

from georet.configure import configure
from georet_modern import RECIPES

NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))


def test_the_first_recipe_is_that_of_the_embedded_benchmark():
    from georet_modern import georet_recipes

    assert next(iter(georet_recipes())) == "orbitview"
    assert sorted(georet_recipes()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_valid_and_trains_as_many_pairs_as_the_one_it_is_compared_with(name):
    own, plugins = configure(recipe=f"modern/{name}")
    base = "cityblocks/cityblocks" if name == "cityblocks" else f"sample4geo/{name}"
    other, _ = configure(recipe=base)
    assert own.dataset == other.dataset
    assert (own.train.epochs, own.train.batch_size) == (
        other.train.epochs,
        other.train.batch_size,
    )
    assert own.encoder.backbone != other.encoder.backbone
    assert "modern" in plugins.versions

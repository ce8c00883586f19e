"""The plugins that georet ships: their lazy strings lead somewhere, their recipes are valid."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from georet.components import KINDS
from georet.configure import configure
from georet.plugins import Selection, load_plugins
from georet.plugins.entry import Entry

ELSEWHERE = ("trt", "onnx,trt")
"""Extras that install only where NVIDIA's own index is reached."""
EXAMPLE_DIR = Path(__file__).parents[2] / "plugins" / "example_triplet"


def shipped() -> list[Entry]:
    catalog = load_plugins(["sample4geo"]).catalog
    return [entry for kind in KINDS for entry in catalog.entries(kind)]


@pytest.mark.parametrize("entry", shipped(), ids=lambda entry: entry.id)
def test_the_options_of_every_component_can_be_read(entry):
    assert entry.component.summary
    assert callable(entry.factory())
    if entry.component.extra in ELSEWHERE:
        pytest.skip(f"the extra {entry.component.extra} is no part of `test`")
    assert entry.missing == ()
    schema = load_plugins(["sample4geo"]).catalog.options_schema(entry.kind, entry.id)
    # A data set's gallery takes the options of whichever data set is named.
    assert schema["additionalProperties"] is (entry.id == "core:dataset")


@pytest.mark.parametrize("recipe", load_plugins(["sample4geo"]).recipes)
def test_every_recipe_is_valid(recipe):
    config, plugins = configure(selection=Selection.of(["sample4geo"]), recipe=recipe)
    assert config.recipe == recipe
    assert "sample4geo" in plugins.versions


def test_the_example_is_a_third_party_that_can_be_installed(site):
    site.install("georet-example-triplet", "0.1.0", example_triplet="georet_example_triplet")
    (site.folder / "georet_example_triplet").symlink_to(EXAMPLE_DIR / "georet_example_triplet")
    plugins = load_plugins(["sample4geo,example_triplet"])
    assert plugins.versions["example_triplet"] == "georet-example-triplet 0.1.0"
    loss = plugins.catalog.create("losses", "semi_hard_triplet")
    assert loss.margin == 0.2


def test_the_example_is_listed_without_importing_its_loss(site):
    site.install("georet-example-triplet", "0.1.0", example_triplet="georet_example_triplet")
    (site.folder / "georet_example_triplet").symlink_to(EXAMPLE_DIR / "georet_example_triplet")
    sys.modules.pop("georet_example_triplet.semi_hard", None)
    entry = load_plugins(["example_triplet"]).catalog.find("losses", "semi_hard_triplet")
    assert entry.id == "example_triplet:semi_hard_triplet"
    assert "georet_example_triplet.semi_hard" not in sys.modules

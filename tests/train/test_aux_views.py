"""Views that only feed transforms: no branch, no export, and named early when misspelt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from georet.config import DataConfig
from georet.errors import ConfigError
from georet.train import setup
from georet.train.checkpoint import load_checkpoint

PLUGINS = ["sample4geo", "georet.testing.plugin", str(Path(__file__).with_name("curriculum.py"))]
SIZE = "data.size={query: [32, 32], reference: [32, 32], winter: [32, 32]}"


@pytest.fixture
def begin(start, settings: dict[str, Any]):
    """Return what trains an unshared encoder on the data set whose third view is ``winter``."""
    settings["dataset"] = {"name": "places", "root": settings["dataset"]["root"]}
    settings["encoder"]["shared"] = False
    settings["sampler"] = "random"
    settings["train"] |= {"epochs": 1}

    def run(*overrides: str) -> Path:
        return start("run", SIZE, *overrides, plugins=PLUGINS)

    return run


def branches(run_dir: Path) -> set[str]:
    names = load_file(load_checkpoint(run_dir).path / "encoder.safetensors")
    return {name.split(".")[1] for name in names if name.startswith("branches.")}


@pytest.mark.parametrize("aux", ["[]", "[winter]"])
def test_an_aux_view_has_no_branch(begin, aux: str) -> None:
    own = {"query", "reference"} | ({"winter"} if aux == "[]" else set())
    assert branches(begin(f"data.aux_views={aux}")) == own


@pytest.mark.parametrize(
    ("override", "where"),
    [
        ("data.aux_views=[witner]", "data.aux_views"),
        ("data.aux_views=[query]", "data.aux_views"),
        ("data.size_schedule={witner: {last: [16, 16]}}", "data.size_schedule.witner"),
        ("data.augment={witner: []}", "data.augment.witner"),
    ],
)
def test_a_view_that_is_not_there_is_named_before_the_encoder_is_built(
    begin, monkeypatch: pytest.MonkeyPatch, override: str, where: str
) -> None:
    monkeypatch.setattr(setup, "make_encoder", None)
    with pytest.raises(ConfigError) as caught:
        begin(override)
    assert caught.value.where == where


def test_what_is_embedded_is_all_but_the_aux_views() -> None:
    data = DataConfig(aux_views=["a"], size={"a": (1, 1), "b": (2, 2)})
    assert data.embedded_size == {"b": (2, 2)}

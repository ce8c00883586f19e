"""Data sets that wrap data sets: by their names and options, in runs and in what resumes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from georet.commands.training import resume_run, start_run
from georet.configure import configure
from georet.errors import ComponentError, ConfigError, DataError
from georet.plugins import Selection
from georet.train.events import read_events
from georet.train.trainer import Trainer

WRAPPERS = """
from dataclasses import replace

import numpy as np

from georet import Component, hookimpl
from georet.config import ComponentSpec


class Wrap:
    def __init__(self, inner: ComponentSpec, context, turn: float = 0.0) -> None:
        self.inner, self.turn = context.create("datasets", inner, "inner"), turn

    def train(self):
        table = self.inner.train()
        yaw = table.columns["yaw_rad"] + self.turn + TURN
        return replace(table, columns={"yaw_rad": yaw})

    def evaluations(self):
        return self.inner.evaluations()


@hookimpl
def georet_datasets():
    yield Component("wrap", Wrap, summary="Another data set, turned")
"""


@pytest.fixture
def wrappers(tmp_path: Path) -> Path:
    path = tmp_path / "wrappers.py"
    path.write_text(f"TURN = 0.0\n{WRAPPERS}")
    return path


@pytest.fixture
def nested(settings: dict[str, Any]) -> dict[str, Any]:
    inner = settings["dataset"] | {"name": "georet.testing.plugin:tiny"}
    settings["dataset"] = {"name": "wrap", "inner": {"name": "wrap", "inner": inner, "turn": 0.5}}
    settings["train"] |= {"epochs": 2}
    return settings


def selection(path: Path) -> Selection:
    return Selection.of(["sample4geo", "georet.testing.plugin", str(path)])


def trained(folder: Path, settings: dict[str, Any], wrappers: Path) -> Path:
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return start_run(selection=selection(wrappers), path=path, out=folder / "run")


def test_a_run_on_a_data_set_in_a_data_set_is_the_run_on_the_inner_one(
    tmp_path, wrappers, nested, start
):
    run_dir = trained(tmp_path, nested, wrappers)
    nested["dataset"] = nested["dataset"]["inner"]["inner"]
    plain = start("plain")
    assert read_events(run_dir) == read_events(plain)


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("dataset.inner.inner.num_plces=3", "dataset.inner.inner.num_plces: unknown key"),
        ("dataset.inner.inner.num_places=x", "dataset.inner.inner.num_places: 'x' does not fit"),
        ("dataset.inner.inner.name=tinny", "dataset.inner.inner: there is no 'tinny' among the"),
        ("dataset.inner.inner=7", "dataset.inner.inner"),
    ],
)
def test_a_mistake_inside_names_the_whole_place(tmp_path, wrappers, nested, override, text):
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(nested))
    with pytest.raises((ConfigError, ComponentError)) as caught:
        start_run(
            selection=selection(wrappers), path=path, overrides=[override], out=tmp_path / "run"
        )
    assert text in str(caught.value)


def test_the_owner_of_an_inner_component_is_loaded(tmp_path, nested, wrappers, monkeypatch):
    nested["dataset"]["inner"]["inner"] = {"name": "datasets:pairs_csv", "root": str(tmp_path)}
    monkeypatch.setattr("georet.plugins.selection.is_always_on", lambda source: False)
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(nested))
    _, plugins = configure(selection=selection(wrappers), path=path)
    assert "datasets" in plugins.versions


def test_a_resume_refuses_another_inner_data_set_by_its_key(tmp_path, wrappers, nested):
    run_dir = trained(tmp_path, nested, wrappers)
    config, plugins = configure(
        selection=selection(wrappers),
        path=tmp_path / "settings.yaml",
        overrides=["dataset.inner.inner.num_places=20"],
    )

    with pytest.raises(ConfigError, match=r"dataset\.inner\.inner\.num_places was 24, and is 20"):
        Trainer(config, plugins, run_dir)


def test_a_resume_refuses_what_a_wrapper_made_of_the_same_data(tmp_path, wrappers, nested):
    run_dir = trained(tmp_path, nested, wrappers)
    resume_run(run_dir, selection=selection(wrappers))
    wrappers.write_text(f"TURN = 0.1\n{WRAPPERS}")
    with pytest.raises(DataError, match="not what the run was begun with: hash was"):
        resume_run(run_dir, selection=selection(wrappers))

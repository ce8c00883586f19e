"""Former names of modules still import, with a warning, and give the same objects."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import georet  # noqa: F401 - installs the finder
from georet.moved import MOVED

SHOWN = {
    "georet.gallery.build": ["build_gallery"],
    "georet.gallery.gallery": ["Gallery"],
    "georet.gallery.region": ["Region"],
    "georet.gallery.sources": ["open_source", "Tiling"],
    "georet.gallery.tiles": ["TileSource", "TileTable"],
    "georet.protocols": [
        *("Backbone", "Loss", "Sampler", "Dataset", "JointTransform", "ImageTransform"),
        *("Index", "Exporter", "Session", "Backend", "Reranker"),
    ],
    "georet.train.session": ["start_run", "resume_run", "evaluate_run"],
    "georet_export.session": ["open_session"],
}
"""The names of each that plugins and scripts of 0.1 may import."""


@pytest.fixture
def former(monkeypatch):
    """Return what imports a former name as if for the first time."""

    def load(name):
        monkeypatch.delitem(sys.modules, name, raising=False)
        with pytest.warns(DeprecationWarning, match=f"^{name} is now {MOVED[name][0]}"):
            return importlib.import_module(name)

    return load


def test_every_former_name_is_tried():
    assert set(SHOWN) == set(MOVED)


@pytest.mark.parametrize("name", MOVED)
def test_a_former_name_warns_and_gives_the_objects_of_now(name, former):
    module = former(name)
    now = [importlib.import_module(place) for place in MOVED[name]]
    for shown in SHOWN[name]:
        home = next(place for place in now if hasattr(place, shown))
        assert getattr(module, shown) is getattr(home, shown)
    with pytest.raises(AttributeError, match=f"{name}.*'nothing_of_this_name'"):
        module.nothing_of_this_name  # noqa: B018 - reading is what is tested


@pytest.mark.parametrize("name", MOVED)
def test_importing_from_a_former_name_works_as_scripts_write_it(name):
    code = f"import georet\nfrom {name} import {', '.join(SHOWN[name])}\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"DeprecationWarning: {name} is now" in done.stderr


def test_a_name_that_never_was_is_still_missing():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("georet.gallery.never_was")

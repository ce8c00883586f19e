"""What the doctor finds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from georet import doctor


def test_the_doctor_prints_json(georet):
    found = json.loads(georet("doctor", "--json").out)
    assert found["torch"]["version"] == torch.__version__
    assert found["decoders"]["simplejpeg"]
    assert found["cpu"]["count"] == os.cpu_count()
    assert found["extras"]["demo"]["install"] == "pip install 'georet[demo]'"


def test_the_doctor_prints_a_table(georet):
    out = georet("doctor").out
    assert torch.__version__ in out
    assert "extra demo" in out


def test_a_missing_extra_says_what_it_brings_and_how_to_install_it(georet, monkeypatch):
    monkeypatch.setattr(doctor, "extras", lambda: {"demo": ["nowhere-at-all"]})
    found = doctor.examine()["extras"]["demo"]
    assert found["present"] is False
    assert found["missing"] == ["nowhere-at-all"]
    out = georet("doctor").out
    assert "missing nowhere-at-all: pip install 'georet[demo]'" in out
    assert "imagery" in out


def test_extras_come_from_the_distributions_metadata():
    assert "basemap-data" in doctor.extras()["demo"]
    assert "pytest" in doctor.extras()["test"]
    assert "torch" not in doctor.extras()["demo"]


def test_the_cache_folder_is_the_one_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("GEORET_CACHE", str(tmp_path / "deep" / "cache"))
    found = doctor.examine()["cache"]
    assert found == {"path": str(tmp_path / "deep" / "cache"), "exists": False, "writable": True}


@pytest.mark.parametrize("value", ["file/cache"])
def test_a_cache_that_can_not_be_written_is_found(monkeypatch, tmp_path, value):
    Path(tmp_path, "file").write_text("")
    monkeypatch.setenv("GEORET_CACHE", str(tmp_path / value))
    assert doctor.examine()["cache"]["writable"] is False


def test_a_torch_that_does_not_load_is_reported(monkeypatch):
    def fail(name: str) -> None:
        raise OSError("libcudart is missing")

    monkeypatch.setattr(doctor.importlib, "import_module", fail)
    assert "libcudart is missing" in doctor.examine()["torch"]["error"]


def test_an_extra_that_names_others_brings_what_they_bring():
    brought = doctor.extras()
    assert {"onnx", "onnxruntime", "openvino"} <= set(brought["openvino"])
    assert set(brought["gallery"]) < set(brought["serve"])
    assert "georet" not in brought["test"]


def test_the_extra_that_fetches_from_elsewhere_is_part_of_no_other():
    brought = doctor.extras()
    assert [name for name, needs in brought.items() if "tensorrt" in needs] == ["trt"]
    assert [name for name, needs in brought.items() if "faiss-gpu" in needs] == ["search-gpu"]


def test_every_extra_is_explained_in_words():
    assert set(doctor.extras()) == set(doctor.BRINGS)

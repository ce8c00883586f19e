"""A flipped bit or a cut file is found, and never ends as a bug in georet."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

NUM, SEED = 200, 7


@pytest.fixture(scope="module")
def flips() -> ModuleType:
    """Return ``benchmarks/flips.py``, which does the same for as many as one likes."""
    path = Path(__file__).parents[1] / "benchmarks" / "flips.py"
    spec = importlib.util.spec_from_file_location("flips", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["flips"] = module
    spec.loader.exec_module(module)
    return module


def test_every_flipped_bit_and_cut_file_is_found_in_words(
    flips: ModuleType, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    flips.make_gallery(tmp_path / "g")
    flips.export(trained, tmp_path / "export")
    artefact = next((tmp_path / "export").rglob("artefact.json")).parent
    every = flips.kinds(trained, tmp_path / "g", artefact)
    assert [flips.call("verify", kind.folder)[0] for kind in every] == [0, 0, 0]
    found = flips.damages(every, NUM, SEED)
    assert [each for each in found if each.is_missed] == []
    assert [each for each in found if each.is_bug] == []
    assert {each.kind for each in found} == {"artefact", "gallery", "run"}

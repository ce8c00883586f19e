"""A flipped bit or a cut file is found, and never ends as a bug in georet."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

NUM, SEED = 120, 7
KINDS = {"run", "mined run with fits", "gallery", "joined set", "bundle", "ONNX"}
"""What every machine can make.

Without their extras or libraries OpenVINO, TensorRT and faiss are left out.
"""


@pytest.fixture(scope="module")
def flips() -> Iterator[ModuleType]:
    """Return ``benchmarks/flips.py``, which does the same for as many as one likes."""
    folder = Path(__file__).parents[1] / "benchmarks"
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("flips")
    finally:
        sys.path.remove(str(folder))


def test_every_flipped_bit_and_cut_file_is_found_in_words(
    flips: ModuleType, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    every = flips.every_kind(tmp_path / "work")
    assert {kind.name for kind in every} >= KINDS
    assert [kind.name for kind in every if kind.verify(kind.folder)[0] != 0] == []
    found = flips.damages(every, NUM, SEED)
    assert [each for each in found if each.is_missed] == []
    assert [each for each in found if each.is_bug] == []
    assert {each.kind for each in found} == {kind.name for kind in every}

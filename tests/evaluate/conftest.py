from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Goldens:
    """Inputs, and what the reference implementation of Sample4Geo computes from them."""

    inputs: Mapping[str, NDArray[Any]]
    figures: Mapping[str, Any]


@pytest.fixture(scope="session")
def goldens() -> Goldens:
    with np.load(DATA / "goldens-7.npz") as file:
        inputs = {name: file[name] for name in file.files}
    return Goldens(inputs, json.loads((DATA / "goldens-7.json").read_text()))


@pytest.fixture
def query() -> NDArray[np.float32]:
    """Three queries whose cosines with four references rise with these numbers."""
    return np.array([[4, 3, 2, 1], [1, 2, 3, 4], [2, 2, 1, 4]], np.float32)


@pytest.fixture
def reference() -> NDArray[np.float32]:
    return np.eye(4, dtype=np.float32)

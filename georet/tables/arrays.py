"""Names for arrays and for the two views that every pair has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Ragged = Ints | Sequence[Sequence[int]]
"""Rows of different lengths: int64[N, K], -1 pads, or a list of rows."""

QUERY, REFERENCE = "query", "reference"

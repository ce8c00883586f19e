"""How banks know a pair that may show several images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from georet.train.mining import RunningBank
from georet.types import Batch, ImageTable, PairTable


def test_in_an_incremental_bank_what_was_shown_last_stands_for_the_pair() -> None:
    images = ImageTable([str(i) for i in range(4)], [Path(str(i)) for i in range(4)])
    pairs = np.array([[0, 0], [1, 1]])
    views = {"query": images, "reference": images}
    table = PairTable(views, pairs, alternatives={"query": [[0, 2], [1, 3]]})
    bank, rows = RunningBank(table, 2), {"query": pairs[:, 0], "reference": pairs[:, 1]}
    for value, shown in ((1.0, [0, 3]), (2.0, [2, 3])):
        batch = Batch({}, np.arange(2), rows, table, 0, 0, shown={"query": np.array(shown)})
        found = torch.full((2, 2), value)
        bank.update(batch, {"query": found, "reference": found})
    assert bank.seen["query"].tolist() == [True, True, False, False]
    assert bank.vectors["query"][:2].tolist() == [[2, 2], [2, 2]]

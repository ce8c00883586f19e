"""Warnings about data and configuration before a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.commands.advice import repeated_references
from georet.types import QUERY, REFERENCE, ImageTable, PairTable


def pairs(queries_a_reference: int) -> PairTable:
    def table(num: int) -> ImageTable:
        return ImageTable([str(i) for i in range(num)], [Path(f"{i}.jpg") for i in range(num)])

    num = 3 * queries_a_reference
    rows = np.stack([np.arange(num), np.arange(num) % 3], axis=1)
    return PairTable({QUERY: table(num), REFERENCE: table(5)}, rows)


def test_many_queries_a_reference_and_many_epochs_are_warned_of():
    text = repeated_references(pairs(54), 40)
    assert text is not None
    assert text.startswith("warning: 54 queries")
    assert "train.epochs is 40" in text
    assert "--set train.epochs=1" in text


@pytest.mark.parametrize(("share", "epochs"), [(54, 1), (3, 3), (10, 40), (1, 40)])
def test_one_epoch_or_few_queries_a_reference_are_not_warned_of(share, epochs):
    assert repeated_references(pairs(share), epochs) is None


def test_unpaired_references_do_not_hide_the_danger():
    assert repeated_references(pairs(11), 2) is not None


def test_a_run_prints_the_warning_and_one_of_few_queries_does_not(start, capsys):
    start("many", "dataset.queries_per_place=12", "dataset.num_places=8", "train.epochs=2")
    assert "12 queries on average share a reference" in capsys.readouterr().err
    start("few", "dataset.queries_per_place=2", "train.epochs=2")
    assert "share a reference" not in capsys.readouterr().err

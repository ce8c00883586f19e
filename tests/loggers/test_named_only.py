"""Plugins that may send something are on only where they are named."""

from __future__ import annotations

import pytest

from georet.plugins import Selection
from georet.plugins.discovery import Source
from georet.plugins.selection import is_always_on, select

pytest_plugins = ["georet.testing.fixtures"]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_logger_is_never_on_by_itself(name):
    assert not is_always_on(Source(name, f"georet_{name}", "georet", "0", name))
    chosen = {choice.source.name for choice in select(Selection.of(["sample4geo"]))}
    assert name not in chosen


def test_what_sends_nothing_is():
    assert is_always_on(Source("pml", "georet_pml", "georet", "0", "pml"))

"""What takes surprisingly long is said with its name."""

from __future__ import annotations

import time

import pytest

from georet import patience
from georet.blame import Maker, blaming


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(patience, "_LOOK_S", 0.02)
    monkeypatch.setattr(patience, "_watch", patience._Watch())


def test_a_slow_component_is_named_once_before_its_time_is_six_times_up(capfd):
    maker = Maker("transforms", "mine:slow", "plugin 'mine' (mine.py)")
    with blaming(maker, "the transform", patience_s=0.1):
        time.sleep(0.4)
    err = capfd.readouterr().err
    assert err.count("still waiting for the transform: transforms 'mine:slow'") == 1


def test_a_quick_one_is_not(capfd):
    maker = Maker("transforms", "mine:quick", "plugin 'mine' (mine.py)")
    for _ in range(20):
        with blaming(maker, "the transform", patience_s=0.3):
            time.sleep(0.01)
    assert "still waiting" not in capfd.readouterr().err

"""CPU seconds are added up over calls, and not told where a part of them is lost."""

from __future__ import annotations

import time

import pytest

from georet_ortho.adapting.spending import Spent


def busy(seconds: float) -> None:
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        pass


def test_what_two_calls_spend_is_added_up(tmp_path):
    with Spent.begun(tmp_path).part("training"):
        busy(0.1)
    again = Spent.begun(tmp_path)
    with again.part("training"):
        busy(0.1)
    with again.part("report"):
        time.sleep(0.1)
    assert again.parts["training"] >= 0.18
    assert again.parts["report"] < 0.1
    assert again.as_json()["cpu_s"] == round(sum(again.parts.values()), 1)


def test_a_part_that_was_stopped_in_order_counts(tmp_path):
    def work() -> None:
        with Spent.begun(tmp_path).part("training"):
            busy(0.1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert Spent.begun(tmp_path).as_json()["cpu_s"] >= 0.1


def test_a_part_that_was_killed_leaves_no_sum(tmp_path):
    part = Spent.begun(tmp_path).part("training")
    part.__enter__()
    # What a killed process leaves: the part was begun and never ended.
    again = Spent.begun(tmp_path)
    with again.part("report"):
        busy(0.1)
    assert again.as_json()["cpu_s"] is None
    assert again.as_json()["spent_s"]["report"] > 0
    assert Spent.begun(tmp_path).total_s is None

"""The numbers that the parts of a report work out themselves."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from georet.page.readable import metres
from georet.report.batches import mates_m
from georet.report.judged import RunReport
from georet.report.overview import wilson_percent
from georet.report.records import StepEvent
from georet.report.run_folder import read_run
from georet.report.training import smoothed


def test_the_wilson_interval_equals_worked_values() -> None:
    # 10 of 20: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) with z = 1.96
    assert wilson_percent(50, 20) == pytest.approx((29.9298, 70.0702), abs=1e-3)
    low, high = wilson_percent(0, 20)
    assert low == pytest.approx(0, abs=1e-9)
    assert high == pytest.approx(100 * 1.96**2 / (20 + 1.96**2))


def test_smoothing_keeps_a_constant_and_forgets_by_half() -> None:
    np.testing.assert_allclose(smoothed(np.full(50, 2.5), 5), 2.5)
    step = smoothed(np.concatenate([np.zeros(4000), np.ones(10)]), 10)
    assert step[-1] == pytest.approx(0.5)


def test_distances_of_batch_mates_are_medians_in_metres() -> None:
    # Three on the equator at 0, 1 and 3 degrees: 1, 2, 3 degrees apart; nearest 1, 1, 2.
    degree_m = 6_371_008.8 * np.pi / 180
    pairs_m, nearest_m = mates_m(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 3.0]]))
    assert (pairs_m, nearest_m) == pytest.approx((2 * degree_m, degree_m))


def test_an_early_and_a_late_batch_that_was_chosen_otherwise_are_shown(run: Any) -> None:
    text = run.report().text
    assert "Epoch 1: gps" in text
    assert "Epoch 2: similarity" in text
    assert "4 references of one batch. Median distance of batch mates" in text
    assert "epoch 2 ◆" in text


def test_plans_of_other_pairs_are_not_drawn(run: Any) -> None:
    path = run.path / "events.jsonl"
    path.write_text(path.read_text().replace("[4, 5, 6, 7]", "[4, 5, 6, 7000]"))
    page = run.report()
    assert "The plans don't fit the training pairs." in page.text
    assert "Epoch 2: similarity" in page.text


def test_skipped_steps_are_counted_with_their_reason(run: Any) -> None:
    assert "One step was skipped (✕): non-finite loss." in run.report().text


def test_the_main_set_is_the_data_sets_first(run: Any) -> None:
    folder = run.path / "evaluation"
    other = (folder / "held-out.json").read_text().replace("held-out", "another")
    (folder / "another.json").write_text(other)
    report = RunReport(read_run(run.path), run.evaluations, None)
    assert list(report.sets) == ["held-out", "another"]
    assert report.main.set == "held-out"


def test_events_are_read_in_order_and_unknown_ones_left_out(run: Any) -> None:
    folder = read_run(run.path)
    assert [event.step for event in folder.of(StepEvent)] == list(range(6))
    assert len(folder.events) == 12
    assert folder.gaps == ()


def test_the_least_error_is_the_positives_distance(run: Any) -> None:
    judged = RunReport(read_run(run.path), run.evaluations, None).judged
    assert (judged.least_error_m == 0).all()  # tiny queries stand on their references
    np.testing.assert_array_equal(judged.error_m == 0, judged.hits)


def test_the_map_marks_each_hit_and_each_miss(run: Any) -> None:
    page = run.report()
    drawn = {a["class"]: a["d"] for a in page.all("path") if a.get("class") in {"hit", "miss"}}
    assert drawn["hit"].count("h0") == 8
    assert drawn["miss"].count("m0") == 4
    assert "found at first place (8)" in page.text
    assert len(page.all("g", "wrong")) == 1


def test_the_error_curve_ends_at_all_queries_and_the_quantiles_are_theirs(run: Any) -> None:
    page = run.report()
    top = min(float(a["d"].split()[1].split("H")[0]) for a in page.all("path", "grid"))
    for kind in ("first", "dashed", "dotted"):
        last = page.all("path", kind)[-1]["d"].split("L")[-1]
        assert float(last.split()[1]) == pytest.approx(top, abs=0.11)
    error_m = RunReport(read_run(run.path), run.evaluations, None).judged.error_m
    assert f"75 % {metres(float(np.quantile(error_m, 0.75)))} 0 m" in page.text


def test_an_unfinished_manifest_is_understood(run: Any) -> None:
    path = run.path / "manifest.json"
    path.write_text(path.read_text().replace('"2026-01-02T03:04:15+00:00"', "null"))
    page = run.report()
    assert page.all("ul", "absent") == []
    assert "Epoch 2: similarity" in page.text


def test_the_time_of_each_stage_is_summed(run: Any) -> None:
    lines = [{"stage": "train", "seconds": 40.0, "num_batches": 60}] * 2
    lines.append({"stage": "mine", "seconds": 20.0})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run.path / "timing.jsonl").write_text(text)
    page = run.report()
    assert "train 1 min 20 s 80.0 % 1.5" in page.text
    assert "mine 20.0 s 20.0 %" in page.text

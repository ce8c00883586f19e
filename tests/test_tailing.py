"""Events are passed on once, whatever a resume cuts off."""

from __future__ import annotations

import json

import pytest

from georet.tailing import EventTail, figures_of


def write(run_dir, steps, *, tail=""):
    lines = [json.dumps({"event": "step", "step": step}) + "\n" for step in steps]
    (run_dir / "events.jsonl").write_text("".join(lines) + tail)


def steps_of(events):
    return [event["step"] for event in events]


def test_only_new_and_whole_lines_are_read(tmp_path):
    tail = EventTail(tmp_path)
    assert tail.new() == []
    write(tmp_path, range(3), tail='{"event": "st')
    assert steps_of(tail.new()) == [0, 1, 2]
    assert tail.new() == []
    write(tmp_path, range(5))
    assert steps_of(tail.new()) == [3, 4]


def test_what_a_resume_repeats_is_not_read_again(tmp_path):
    write(tmp_path, range(6))
    before = EventTail(tmp_path)
    before.new()
    write(tmp_path, range(4))
    tail = EventTail(tmp_path, before.mark, cut_at=(tmp_path / "events.jsonl").stat().st_size)
    for num in (4, 5):
        write(tmp_path, range(num))
        assert tail.new() == []
    assert tail.mark == before.mark
    write(tmp_path, range(8))
    assert steps_of(tail.new()) == [6, 7]


def test_one_that_lagged_behind_reads_on_where_it_was(tmp_path):
    write(tmp_path, range(2))
    before = EventTail(tmp_path)
    before.new()
    write(tmp_path, range(4))
    cut_at = (tmp_path / "events.jsonl").stat().st_size
    assert steps_of(EventTail(tmp_path, before.mark, cut_at=cut_at).new()) == [2, 3]


def test_where_other_bytes_come_it_is_said_and_read_from_the_cut_on(tmp_path, capsys):
    write(tmp_path, range(6))
    before = EventTail(tmp_path)
    before.new()
    write(tmp_path, range(4))
    cut_at = (tmp_path / "events.jsonl").stat().st_size
    tail = EventTail(tmp_path, before.mark, cut_at=cut_at)
    write(tmp_path, [0, 1, 2, 3, 14, 15, 16])
    assert steps_of(tail.new()) == [14, 15, 16]
    assert "not what it was" in capsys.readouterr().err
    write(tmp_path, [0, 1, 2, 3, 14, 15, 16, 17])
    assert steps_of(tail.new()) == [17]


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (
            {"event": "step", "epoch": 1, "step": 7, "loss": 0.5, "losses": {"info_nce": 0.5}},
            (7, {"train/loss": 0.5, "train/losses/info_nce": 0.5}),
        ),
        (
            {"event": "eval", "epoch": 1, "step": 7, "set": "cross", "metrics": {"recall@1": 50.0}},
            (7, {"cross/recall@1": 50.0}),
        ),
        ({"event": "semi_hard", "step": 3, "share": 1}, (3, {"semi_hard/share": 1.0})),
        ({"event": "bad_step", "step": 3, "reason": "nan"}, None),
        ({"event": "plan", "epoch": 3, "num_batches": 5}, None),
    ],
)
def test_the_figures_of_an_event_have_names(event, wanted):
    assert figures_of(event) == wanted

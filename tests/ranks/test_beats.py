"""What is told of ranks that have failed: who, how long ago, and how the run goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from georet.ranks.beats import Verdict, clear, go_on_with, since_beat_s
from georet.run_layout import CONFIG


def test_a_run_that_left_nothing_is_not_said_to_go_on(tmp_path: Path) -> None:
    signs, run_dir = tmp_path / "signs", tmp_path / "run"
    clear(signs, run_dir)
    assert go_on_with(signs) == "Nothing was saved: start again with the same command."
    run_dir.mkdir()
    (run_dir / CONFIG).write_text("")
    assert go_on_with(signs).endswith(f"georet train --resume {run_dir}")


def test_an_error_says_how_long_after_the_last_sign_of_life_all_had_ended(tmp_path: Path) -> None:
    (tmp_path / "rank-2.json").write_text("{}")
    then = time.time() - 7.25
    os.utime(tmp_path / "rank-2.json", (then, then))
    after_s = since_beat_s(tmp_path, 2)
    assert after_s == pytest.approx(7.25, abs=2)
    assert since_beat_s(tmp_path, 1) is None
    verdict = Verdict(2, 4711, "first", "mining, epoch 3", "was killed by SIGKILL")
    told = str(verdict.error(3, "GO ON", 7.25))
    assert "rank 2 of 3 (process 4711 on first) was killed by SIGKILL" in told
    assert "All ranks were ended, 7.2 s after its last sign of life. GO ON" in told
    assert "All ranks were ended. GO ON" in str(verdict.error(3, "GO ON"))

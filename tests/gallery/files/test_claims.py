"""Claims: held while their holder lives, whatever the clocks say and whatever stands in them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from georet.errors import DataError
from georet.gallery.files import claims

ELSEWHERE = {"host": "elsewhere", "pid": 1, "born": "1"}
HERE = {"host": socket.gethostname(), "born": "1"}
DAY_S = 86400.0


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(claims, "LEFT_S", 0.2)
    monkeypatch.setattr(claims, "BEAT_S", 0.05)


@pytest.fixture
def claim(tmp_path):
    return tmp_path / "a.claim"


def left_after(claim: Path, limit_s: float = 2.0) -> float:
    started = time.monotonic()
    while claims.is_held(claim):
        assert time.monotonic() - started < limit_s
        time.sleep(0.02)
    return time.monotonic() - started


@pytest.mark.parametrize("shift_s", [0, -3600, DAY_S, -DAY_S])
def test_a_claim_of_another_machine_ends_when_it_is_not_touched_whatever_its_time(claim, shift_s):
    claim.write_text(json.dumps(ELSEWHERE))
    os.utime(claim, (time.time() + shift_s,) * 2)
    assert claims.is_held(claim)
    assert left_after(claim) > 0.1
    assert claims.try_claim(claim)


def test_a_claim_of_another_machine_holds_while_it_is_touched(claim):
    claim.write_text(json.dumps(ELSEWHERE))
    for _ in range(10):
        assert claims.is_held(claim)
        time.sleep(0.06)
        os.utime(claim)


def test_what_a_process_holds_it_touches(claim):
    assert claims.try_claim(claim)
    before = claim.stat().st_mtime_ns
    limit = time.monotonic() + 5
    while claim.stat().st_mtime_ns == before and time.monotonic() < limit:
        time.sleep(0.05)
    assert claim.stat().st_mtime_ns > before
    assert not claims.try_claim(claim)
    claims.release(claim)
    assert claims.try_claim(claim)
    claims.release(claim)


@pytest.mark.parametrize("shift_s", [0, DAY_S, -DAY_S])
def test_a_claim_of_a_dead_process_here_is_left_at_once(claim, shift_s):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    claim.write_text(json.dumps(HERE | {"pid": dead.pid}))
    os.utime(claim, (time.time() + shift_s,) * 2)
    assert not claims.is_held(claim)
    assert claims.try_claim(claim)


def test_a_number_that_another_process_has_now_holds_nothing(claim):
    claim.write_text(json.dumps(HERE | {"pid": os.getpid()}))
    assert not claims.is_held(claim)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"{}",
        b"null",
        b"[" * 100000,
        json.dumps(HERE | {"pid": "x"}).encode(),
        json.dumps(HERE | {"pid": -1}).encode(),
        json.dumps(HERE | {"pid": 0}).encode(),
        json.dumps(HERE | {"pid": 10**30}).encode(),
        json.dumps(HERE | {"pid": True}).encode(),
        json.dumps({"host": 3, "pid": 1, "born": None}).encode(),
    ],
)
def test_what_is_no_claim_is_left_after_a_while(claim, content):
    claim.write_bytes(content)
    left_after(claim)
    assert claims.try_claim(claim)
    assert json.loads(claim.read_text())["pid"] == os.getpid()


def test_a_link_that_leads_nowhere_is_replaced_and_a_folder_named(claim, tmp_path):
    claim.symlink_to("/nonexistent/x")
    assert claims.try_claim(claim)
    folder = tmp_path / "b.claim"
    folder.mkdir()
    with pytest.raises(DataError, match="is no file") as caught:
        claims.try_claim(folder)
    assert str(folder) in str(caught.value)


def test_a_long_wait_is_said_once_with_the_holders_name(claim, monkeypatch):
    monkeypatch.setattr(claims, "SAID_S", 0.05)
    claim.write_text(json.dumps(ELSEWHERE))
    said = []
    with claims.waiting_claim(claim, said.append):
        pass
    assert len(said) == 1
    assert "process 1 on elsewhere" in said[0]


def test_no_temporary_file_stays(claim, tmp_path):
    assert claims.try_claim(claim)
    assert not claims.try_claim(claim)
    claims.release(claim)
    assert list(tmp_path.iterdir()) == []

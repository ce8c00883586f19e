from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from georet.train.stepping.trace import device_time, host_phases


def trace(path: Path, events: list[dict[str, Any]]) -> Path:
    content = json.dumps({"traceEvents": events}).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def event(kind: str, name: str, start: float, length: float) -> dict[str, Any]:
    return {"cat": kind, "name": name, "ts": start, "dur": length, "ph": "X"}


EVENTS = [
    event("kernel", "gemm", 100, 50),
    event("kernel", "gemm", 200, 50),
    event("gpu_memcpy", "copy", 120, 60),  # overlaps the first product on another stream
    event("cpu_op", "aten::mm", 0, 1000),
    event("gpu_user_annotation", "georet: forward", 0, 1000),
    event("user_annotation", "georet: forward", 0, 30),
    event("user_annotation", "georet: forward", 50, 40),
    event("user_annotation", "somebody's", 50, 40),
    {"cat": "kernel", "name": "an instant", "ts": 5, "ph": "i"},
]


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_a_device_waits_where_none_of_its_streams_works(tmp_path: Path, name: str) -> None:
    seen = device_time(trace(tmp_path / name, EVENTS))
    assert seen is not None
    assert seen.span_us == 150
    assert seen.busy_us == 80 + 50
    assert seen.waiting == pytest.approx(20 / 150)
    assert seen.by_name == {"gemm": 100, "copy": 60}


def test_without_work_on_a_device_nothing_is_said(tmp_path: Path) -> None:
    assert device_time(trace(tmp_path / "trace.json", EVENTS[3:])) is None


def test_phases_are_summed_by_name(tmp_path: Path) -> None:
    found = host_phases(trace(tmp_path / "trace.json", EVENTS), "georet: ")
    assert found == {"forward": 70}

"""The plugin wandb, with the real package, offline: what its files hold of a run."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["georet.testing.fixtures"]

wandb = pytest.importorskip("wandb", reason="the extra wandb is not installed")
BLOCK = 32768
NAMED = "sample4geo,georet.testing.plugin,georet_wandb"


def records(run_dir: Path) -> list[Any]:
    """Return all that wandb wrote into its files for a run, in order of writing."""
    from wandb.proto.wandb_internal_pb2 import Record

    files = run_dir.glob("wandb/offline-run-*/*.wandb")
    found = []
    for file in sorted(files, key=lambda file: file.stat().st_mtime):
        for data in pieces(file.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            found.append(record)
    return found


def pieces(content: bytes) -> Iterator[bytes]:
    """Yield the records of a log as LevelDB writes them, behind wandb's seven bytes."""
    at, whole = 7, b""
    while at + 7 <= len(content):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield whole
            whole = b""


def history(run_dir: Path, name: str) -> dict[int, list[float]]:
    """Return each step's values of a metric: one, unless it was sent twice."""
    found: dict[int, list[float]] = {}
    for record in records(run_dir):
        if record.WhichOneof("record_type") != "history":
            continue
        items = {
            "/".join(item.nested_key) or item.key: json.loads(item.value_json)
            for item in record.history.item
        }
        if name in items:
            found.setdefault(int(items["_step"]), []).append(items[name])
    return found


def said(run_dir: Path) -> set[str]:
    """Return the names in the summaries."""
    return {
        "/".join(item.nested_key) or item.key
        for record in records(run_dir)
        if record.WhichOneof("record_type") == "summary"
        for item in record.summary.update
    }


def eventually(is_so: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Wait until something is so: wandb's own process writes a moment after a run has ended."""
    end = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def ids(run_dir: Path) -> set[str]:
    kinds = [r.run.run_id for r in records(run_dir) if r.WhichOneof("record_type") == "run"]
    return set(kinds)


def test_a_torn_run_that_is_resumed_is_one_run_with_every_step_once(torn_and_resumed, events):
    run_dir = torn_and_resumed("georet_wandb")
    steps = {e["step"]: [e["loss"]] for e in events(run_dir) if e["event"] == "step"}
    assert len(steps) > 6
    assert history(run_dir, "train/loss") == steps
    assert len(ids(run_dir)) == 1
    evaluated = [e for e in events(run_dir) if e["event"] == "eval"]
    last = history(run_dir, f"{evaluated[-1]['set']}/recall@1")[evaluated[-1]["step"]]
    assert last[-1] == evaluated[-1]["metrics"]["recall@1"]


def test_evaluations_and_artefacts_join_the_run(tiny_run, runner, tmp_path):
    run_dir = tiny_run(plugins=["georet_wandb"])
    before = ids(run_dir)
    assert runner("eval", run_dir, "--plugins", NAMED).exit_code == 0
    eventually(
        lambda: any(name.startswith("eval/georet.testing.plugin:tiny/") for name in said(run_dir))
    )
    built = ["gallery", "build", f"run:{run_dir}", "--encoder", run_dir, "--side", "1km"]
    done = runner(*built, "--out", tmp_path / "area.gallery", "--plugins", NAMED, "--workers", "0")
    assert done.exit_code == 0, done.stderr

    def kept():
        found = [r.artifact for r in records(run_dir) if r.WhichOneof("record_type") == "artifact"]
        return [(one.type, one.name) for one in found]

    eventually(lambda: kept() == [("gallery", "run-area.gallery")])
    assert ids(run_dir) == before
    assert len(list(run_dir.glob("wandb/offline-run-*"))) == 3


BEGIN = """
import sys
from pathlib import Path

from georet.config import RunConfig
from georet_wandb import logger

tiny = {"name": "tiny"}
size = {"size": {"query": [8, 8], "reference": [8, 8]}}
config = RunConfig(
    dataset=tiny, data=size, encoder={"backbone": tiny}, losses=[tiny], sampler=tiny
)
logger.note_evaluation(Path(sys.argv[1]), 1, {"set": {sys.argv[2]: 50.0}}, config)
"""


def test_processes_that_begin_in_one_second_overwrite_nothing(tmp_path):
    (tmp_path / "run").mkdir()
    named = [[sys.executable, "-c", BEGIN, str(tmp_path / "run"), name] for name in ("a", "b", "c")]
    for process in [subprocess.Popen(one) for one in named]:
        assert process.wait() == 0
    assert len(list((tmp_path / "run").glob("wandb/offline-run-*"))) == 3
    wanted = {f"eval/tiny/set/{name}" for name in "abc"}
    eventually(lambda: wanted <= said(tmp_path / "run"))


def test_nothing_is_sent_unless_the_user_says_so(tiny_run, monkeypatch):
    said: list[dict[str, Any]] = []

    def remember(**arguments: Any) -> None:
        said.append(arguments)
        raise RuntimeError("enough")

    monkeypatch.setattr(wandb, "init", remember)
    for mode in (None, "online"):
        if mode is not None:
            monkeypatch.setenv("WANDB_MODE", mode)
        with pytest.raises(AssertionError, match="enough"):
            tiny_run(plugins=["georet_wandb"], name=f"run-{mode}")
    assert [one["mode"] for one in said] == ["offline", "online"]


def test_without_the_package_the_extra_is_named_before_anything_is_built(tiny_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(AssertionError, match=r"pip install 'georet\[wandb\]'"):
        tiny_run(plugins=["georet_wandb"])

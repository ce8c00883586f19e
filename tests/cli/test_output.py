"""Output that can't be written ends in words, or quietly where nobody reads it any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = [
    ["plugins"],
    ["plugins", "--json"],
    ["config", "schema"],
    ["doctor"],
    ["--help"],
    ["report", "RUN"],
    ["report", "RUN", "--json"],
    ["verify", "RUN"],
]


def words(call: list[str], run: Path) -> list[str]:
    return [sys.executable, "-m", "georet", *(str(run) if word == "RUN" else word for word in call)]


def assert_no_bug(stderr: bytes) -> None:
    for word in (b"bug", b"Traceback", b"Exception ignored"):
        assert word not in stderr, stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_full_disk_under_the_output_is_told(call: list[str], trained: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            words(call, trained), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert_no_bug(done.stderr)
    assert (done.returncode, b"the output can't be written" in done.stderr) == (3, True)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_reader_that_has_gone_ends_it_quietly(call: list[str], trained: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(words(call, trained), stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_closed_output_is_none(call: list[str], trained: Path) -> None:
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *words(call, trained)]
    done = subprocess.run(shell, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "call",
    [
        ["report", "RUN", "--markdown", "--out", "OUT/table.md"],
        ["gallery", "build", "run:RUN", "--encoder", "RUN", "--side", "1km", "--out", "OUT/g"],
        ["export", "RUN", "--onnx", "--out", "OUT/e"],
        ["train", "--config", "RUN/config.yaml", "--out", "OUT/run"],
    ],
    ids=lambda call: call[0],
)
@pytest.mark.parametrize("kind", ["a file", "/proc"])
def test_a_folder_that_takes_no_files_is_named(
    call: list[str], kind: str, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    out = str(tmp_path / "file") if kind == "a file" else "/proc"
    plugins = ["--plugins", "sample4geo,georet.testing.plugin"]
    filled = [word.replace("RUN", str(trained)).replace("OUT", out) for word in call]
    done = subprocess.run(
        [sys.executable, "-m", "georet", *filled, *plugins], capture_output=True, check=False
    )
    assert_no_bug(done.stderr)
    assert done.returncode in (2, 3), done.stderr
    assert out.encode() in done.stderr

"""One writer: a second one is refused by the name of the first, and a dead one does not block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from georet.errors import DataError, UsageError
from georet.locks import HOLDER, only_writer

HOLDING = """
    import sys, time
    from pathlib import Path
    from georet.locks import only_writer

    with only_writer(Path(sys.argv[1]), "training"):
        print("held", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that writes into the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDING), str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_writer_is_refused_with_the_firsts_name(other, tmp_path):
    with pytest.raises(UsageError) as caught, only_writer(tmp_path / "run", "resuming"):
        pass
    message = str(caught.value)
    assert f"process {other.pid} on {os.uname().nodename}, training since 20" in message
    assert str(tmp_path / "run") in message


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_writer_that_was_killed_does_not_block(other, tmp_path, number):
    other.send_signal(number)
    other.wait()
    with only_writer(tmp_path / "run", "resuming"):
        assert (tmp_path / "run" / HOLDER).exists()
    assert not (tmp_path / "run" / HOLDER).exists()


def test_the_same_process_is_refused_too(tmp_path):
    with only_writer(tmp_path, "training"):
        started = time.monotonic()
        with pytest.raises(UsageError, match=str(os.getpid())), only_writer(tmp_path, "again"):
            pass
        assert time.monotonic() - started < 2
    with only_writer(tmp_path, "again"):
        pass


def test_a_holder_that_can_not_be_read_is_no_crash(other, tmp_path):
    for content in (b"", b"[1]", b"\xff", b"[" * 100000, b'{"pid": "x", "host": 1}'):
        (tmp_path / "run" / HOLDER).write_bytes(content)
        with pytest.raises(UsageError, match="another process"), only_writer(tmp_path / "run", "x"):
            pass


def test_a_folder_that_can_not_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/run"), only_writer(tmp_path / "file/run", "x"):
        pass


def test_where_nothing_was_written_nothing_stays(tmp_path):
    with only_writer(tmp_path / "run", "training"):
        pass
    assert list(tmp_path.iterdir()) == []
    with only_writer(tmp_path / "run", "training"):
        (tmp_path / "run" / "kept").write_text("")
    assert (tmp_path / "run" / "kept").exists()

"""One writer: a second one is refused by the name of the first, and a dead one does not block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import filelock
import pytest

from georet.errors import DataError, UsageError
from georet.files import write_json
from georet.locks import HOLDER, LOCK, only_writer

HOLDING = """
    import sys, time
    from pathlib import Path
    from georet.locks import only_writer

    with only_writer(Path(sys.argv[1]), "training"):
        print("held", flush=True)
        time.sleep(60)
"""


HOST = os.uname().nodename
ONE = {"host": HOST, "pid": os.getpid(), "doing": "training", "since": "2030-01-01"}


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


def ended_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("left", [None, ONE | {"pid": ended_pid()}])
def test_a_writer_that_has_just_begun_is_named_and_no_dead_one_for_it(tmp_path, left):
    if left:
        write_json(tmp_path / HOLDER, left)
    with filelock.FileLock(tmp_path / LOCK):
        says = threading.Timer(0.2, write_json, (tmp_path / HOLDER, ONE))
        says.start()
        with pytest.raises(UsageError, match=f"process {os.getpid()} on .*, training since"):
            only_writer(tmp_path, "resuming").__enter__()
        says.join()


def test_a_name_that_this_machine_can_not_check_is_given_at_once(tmp_path):
    write_json(tmp_path / HOLDER, ONE | {"host": "elsewhere", "pid": ended_pid()})
    with filelock.FileLock(tmp_path / LOCK):
        started = time.monotonic()
        with pytest.raises(UsageError, match="on elsewhere"):
            only_writer(tmp_path, "resuming").__enter__()
        assert time.monotonic() - started < 1


def test_a_writer_that_is_just_ending_makes_room(tmp_path):
    lock = filelock.FileLock(tmp_path / LOCK, thread_local=False)
    lock.acquire()
    ends = threading.Timer(0.2, lock.release)
    ends.start()
    with only_writer(tmp_path, "resuming"):
        assert (tmp_path / HOLDER).exists()
    ends.join()


@pytest.mark.parametrize("is_made_anew", [False, True])
def test_the_lock_of_a_file_removed_meanwhile_is_not_taken_for_the_folders(
    tmp_path, monkeypatch, is_made_anew
):
    import fcntl

    run, real = tmp_path / "run", fcntl.flock

    def flock(fd, how):
        # Another start that came to nothing ends between the opening of the file and its lock.
        monkeypatch.setattr(fcntl, "flock", real)
        (run / LOCK).unlink()
        run.rmdir()
        if is_made_anew:
            run.mkdir()
            (run / LOCK).touch()
        return real(fd, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        only_writer(run, "training"),
        pytest.raises(UsageError, match="is being written by process"),
    ):
        only_writer(run, "training").__enter__()
    assert not run.exists()


def test_starts_at_once_that_come_to_nothing_are_done_in_turn_or_refused_by_name(tmp_path):
    """Each makes the folder, holds it, and removes it while others try the same."""
    ends, once = [], threading.Barrier(4)

    def starts():
        once.wait()
        for _ in range(20):
            try:
                with only_writer(tmp_path / "run", "training"):
                    ends.append("held")
                    assert ends.pop() == "held"
            except Exception as error:
                ends.append(str(error))

    threads = [threading.Thread(target=starts) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [end for end in ends if f"is being written by process {os.getpid()}" not in end] == []

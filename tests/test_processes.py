from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from georet.processes import Child, Ended, close_all, ready

Start = Callable[..., Child]


def obey(pipe: Connection, greeting: str) -> None:
    """Echo what comes, and do what it says."""
    pipe.send(greeting)
    while True:
        order, value = pipe.recv()
        if order == "kill":
            os.kill(os.getpid(), value)
        elif order == "exit":
            sys.exit(value)
        elif order == "hang":
            time.sleep(1000)
        pipe.send((order, value))


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts a process that obeys; all are closed afterwards."""
    fork, started = multiprocessing.get_context("fork"), []

    def start() -> Child:
        started.append(Child(obey, "hello", name="obedient", context=fork))
        assert started[-1].hear(10) == "hello"
        return started[-1]

    yield start
    close_all(started)


def test_a_spawned_process_that_fails_ended_with_a_code() -> None:
    child = Child(os.fspath, name="no pipe is a path")
    with pytest.raises(Ended):
        child.hear(20)
    assert child.ending == "ended (exit code 1)"
    child.close()


def test_what_is_sent_is_answered(start: Start) -> None:
    child = start()
    child.send(("echo", 1))
    assert child.hear(10) == ("echo", 1)
    with pytest.raises(TimeoutError):
        child.hear(0.05)


@pytest.mark.parametrize(
    ("order", "value", "words", "was_killed"),
    [
        ("kill", signal.SIGKILL, "was killed by SIGKILL", True),
        ("kill", signal.SIGTERM, "was killed by SIGTERM", False),
        ("kill", signal.SIGRTMIN + 3, f"was killed by signal {signal.SIGRTMIN + 3}", False),
        ("exit", 3, "ended (exit code 3)", False),
    ],
)
def test_how_it_ended_is_told_in_words(
    start: Start, order: str, value: int, words: str, was_killed: bool
) -> None:
    child = start()
    child.send((order, int(value)))
    with pytest.raises(Ended):
        child.hear(10)
    assert child.ending == words
    assert child.was_killed is was_killed
    with pytest.raises(Ended):
        child.send("too late")


def test_one_that_is_killed_here_ended_as_the_verdict_says(start: Start) -> None:
    child = start()
    child.send(("hang", None))
    time.sleep(0.05)
    assert child.silence_s >= 0.05
    child.kill("gave no sign for 3 s")
    with pytest.raises(Ended):
        child.hear(10)
    assert child.ending == "gave no sign for 3 s"
    assert not child.was_killed


def test_those_that_have_something_to_say_are_found(start: Start) -> None:
    quiet, talking, dead = start(), start(), start()
    assert ready([quiet, talking, dead], 0.05) == []
    talking.send(("echo", 1))
    dead.kill()
    found: set[int] = set()
    while len(found) < 2:
        found |= {child.pid for child in ready([quiet, talking, dead], 10)}
    assert found == {talking.pid, dead.pid}


def test_closing_all_ends_those_that_hang(start: Start) -> None:
    children = [start(), start()]
    for child in children:
        child.send(("hang", None))
    begun = time.monotonic()
    close_all(children)
    assert time.monotonic() - begun < 5
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)


def test_a_process_ends_by_itself_when_the_main_process_is_killed() -> None:
    ours, theirs = os.pipe()
    main = os.fork()
    if main == 0:
        os.close(ours)
        fork = multiprocessing.get_context("fork")
        for _ in range(2):
            Child(obey, "hello", name="obedient", context=fork)
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(theirs)
    os.waitpid(main, 0)
    # The children hold copies of the write end: all of them are gone when it closes.
    signal.alarm(20)
    assert os.read(ours, 1) == b""
    signal.alarm(0)
    os.close(ours)


FORGETFUL = """
import sys, time
from georet.interrupt import leave_signals_to_parent
from georet.processes import Child


def stay(pipe):
    leave_signals_to_parent()
    pipe.send("here")
    time.sleep(1000)


if __name__ == "__main__":
    child = Child(stay, name="stays", has_children=sys.argv[1] == "True")
    child.hear()
    print(child.pid)
    sys.exit(3)
"""


@pytest.mark.parametrize("has_children", [False, True])
def test_a_process_that_nobody_closed_is_not_waited_for(has_children: bool, tmp_path: Path) -> None:
    script = tmp_path / "forgetful.py"
    script.write_text(FORGETFUL)
    command = [sys.executable, str(script), str(has_children)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)

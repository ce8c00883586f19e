"""Running the command line in this process and in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from georet.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a call printed, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def georet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Return what calls ``georet`` with arguments, in this process and an empty folder."""
    monkeypatch.delenv("GEORET_PLUGINS", raising=False)
    monkeypatch.delenv("GEORET_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Outcome:
        code = main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def python() -> Callable[[str], str]:
    """Return what runs Python code in a process of its own and returns what it prints."""

    def run(code: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GEORET_")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        return done.stdout

    return run

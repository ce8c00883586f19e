"""Trainings by several ranks, started as a user starts them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

PLUGINS = "sample4geo,georet.testing.plugin,georet.testing.slow_plugin"
SINCE = re.compile(r"ended, ([\d.]+) s after its last sign of life")


@dataclass(frozen=True)
class Ended:
    """How a training ended: exit code, stdout and stderr, and where a signal was sent, if it was.

    ``seconds`` are the supervisor's: from the last sign of life of the rank that failed, until all
    had ended. What this process would count depends on who else uses the machine.
    """

    code: int
    said: str
    shown: str
    hit: str = ""

    @property
    def seconds(self) -> float:
        found = SINCE.search(self.said)
        assert found, self.said
        return float(found.group(1))


@dataclass(frozen=True)
class Command:
    """A training, or what ``verb`` says, by several ranks on this machine."""

    folder: Path
    arguments: Sequence[str]
    verb: str = "train"

    def run(self, *, at: str = "", rank: int = 0, number: int = signal.SIGKILL) -> Ended:
        """Run it to its end; send ``number`` to a ``rank`` once it says that it is ``at``."""
        self.folder.mkdir(exist_ok=True)
        env = os.environ | {"TMPDIR": str(self.folder), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "georet", self.verb, "--plugins", PLUGINS, *self.arguments],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        hit = ""
        while at and not hit and process.poll() is None:
            hit = self._sent(at, rank, number)
            time.sleep(0.002)
        shown, said = process.communicate(timeout=600)
        return Ended(process.returncode, said, shown, hit)

    def _sent(self, at: str, rank: int, number: int) -> str:
        for path in self.folder.glob(f"*/signs/rank-{rank}.json"):
            try:
                beat = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if re.search(at, beat["at"]):
                os.kill(beat["pid"], number)
                return str(beat["at"])
        return ""


Train = Callable[..., Command]


@pytest.fixture
def command(tmp_path: Path, settings: dict[str, Any]) -> Train:
    """Return what makes a command: ``command("--nproc", "2", "--out", "run")``."""

    def made(*arguments: str, verb: str = "train") -> Command:
        if "--resume" in arguments or verb != "train":
            return Command(tmp_path / "temporary", arguments, verb)
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump(settings))
        return Command(tmp_path / "temporary", ["--config", str(path), *arguments])

    return made

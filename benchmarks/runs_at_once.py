"""Two processes on one run at once: each must do its work, or be refused by the other's name.

    python benchmarks/runs_at_once.py WORK [--rounds 20]

The rounds take turns: two resumes of a killed run, two starts into one folder, a start into a run
that `georet eval` reads, and a resume after the writer was killed at a random instant. A round is
right when somebody finished the run, whoever did not was refused with exit code 2 and the folder's
name, and the run's last weights are, byte for byte, those of a training that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from georet.cli import main
from georet.commands.training import start_run  # noqa: F401 - once for all children
from georet.commands.verifying import verify_folder
from georet.run_layout import CHECKPOINTS
from georet.testing.fixtures import TINY_PLUGINS
from georet.testing.tiny_run import tiny_run

PLUGINS = ("--plugins", ",".join(TINY_PLUGINS))
REFUSED = 2
SETTINGS = ("--set", "train.epochs=3", "--set", "train.checkpoint_every=1")


class Call:
    """``georet`` with some words in a child of this process, begun at an instant."""

    def __init__(self, log: Path, at_s: float, *words: object) -> None:
        self.log = log
        self.pid = os.fork()
        if self.pid:
            return
        code = 99
        try:
            stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(stream, 1)
            os.dup2(stream, 2)
            time.sleep(max(0.0, at_s - time.time()))
            code = main([str(word) for word in words])
        finally:
            sys.stdout.flush()
            os._exit(code)

    def end(self) -> int:
        """Return how it ended; negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def is_refused(self, code: int, run: Path) -> bool:
        """Whether it ended in words that name the run."""
        return code == REFUSED and str(run) in self.log.read_text(errors="replace")


class Rounds:
    """Runs below a folder, and what each kind of round does with them."""

    def __init__(self, work: Path) -> None:
        self.work, self.rng = work, random.Random(0)
        child = multiprocessing.get_context("fork").Process(target=tiny_run, args=(work,))
        child.start()  # writes the data set and the configuration; torch can't train, then fork
        child.join()
        self.start = ("train", *PLUGINS, "--recipe", "none", "--config", work / "tiny.yaml")
        self.wanted = work / "wanted"
        if self._call(*self._begin(self.wanted)).end():
            raise SystemExit((work / "0.log").read_text())

    def resumes(self, run: Path) -> str:
        """Two resumes of a run that was killed."""
        self._killed(run)
        resume = ("train", "--resume", run, *PLUGINS)
        return self._judge(run, [self._call(*resume), self._call(*resume, log="1.log")])

    def starts(self, run: Path) -> str:
        """Two starts into one folder."""
        begin = self._begin(run)
        return self._judge(run, [self._call(*begin), self._call(*begin, log="1.log")])

    def start_while_read(self, run: Path) -> str:
        """A start into a finished run while it is judged."""
        shutil.copytree(self.wanted, run)
        reader, writer = (
            self._call("eval", run, *PLUGINS),
            self._call(*self._begin(run), log="1.log"),
        )
        code = reader.end()
        fault = "" if code == 0 else f"eval ended with {code}"
        return fault or self._judge(run, [writer], finishes=False)

    def killed(self, run: Path) -> str:
        """A resume after the writer, who held the lock, was killed."""
        self._killed(run)
        return self._judge(run, [self._call("train", "--resume", run, *PLUGINS)])

    def _begin(self, run: Path) -> tuple[object, ...]:
        return (*self.start, *SETTINGS, "--out", run)

    def _call(self, *words: object, log: str = "0.log") -> Call:
        return Call(self.work / log, time.time() + 0.2, *words)

    def _killed(self, run: Path) -> None:
        writer = self._call(*self._begin(run))
        while not (run / CHECKPOINTS / "last.json").exists():
            time.sleep(0.01)
        time.sleep(self.rng.uniform(0, 0.2))
        os.kill(writer.pid, signal.SIGKILL)
        writer.end()

    def _judge(self, run: Path, calls: list[Call], *, finishes: bool = True) -> str:
        """Return what went wrong, or nothing."""
        codes = [call.end() for call in calls]
        odd = [
            f"{code}: {call.log.read_text(errors='replace')[-300:]}"
            for call, code in zip(calls, codes, strict=True)
            if code != 0 and not call.is_refused(code, run)
        ]
        if finishes and 0 not in codes:
            odd.append(f"nobody finished: {codes}")
        if not finishes and 0 in codes:
            odd.append("a start overwrote a run that was there")
        verify_folder(run)
        if _weights(run) != _weights(self.wanted):
            odd.append("the weights differ from an undisturbed training's")
        return "; ".join(odd)


def _weights(run: Path) -> bytes:
    last = json.loads((run / CHECKPOINTS / "last.json").read_text())["checkpoint"]
    return Path(run, CHECKPOINTS, last, "encoder.safetensors").read_bytes()


def run() -> None:
    """Print a line for each round that went wrong, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    asked.work.mkdir(parents=True)
    rounds, num_bad = Rounds(asked.work.absolute()), 0
    kinds: list[Callable[[Path], str]] = [
        rounds.resumes,
        rounds.starts,
        rounds.start_while_read,
        rounds.killed,
    ]
    for number in range(asked.rounds):
        kind = kinds[number % len(kinds)]
        try:
            fault = kind(asked.work.absolute() / f"round-{number}")
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        num_bad += bool(fault)
        print(json.dumps({"round": number, "kind": kind.__name__, "fault": fault}), flush=True)
    print(json.dumps({"rounds": asked.rounds, "bad": num_bad}))


if __name__ == "__main__":
    run()

"""A refiner at work on photos whose places are known: kept, stopped, told of in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from georet.contracts.running import Session
from georet.gallery.files.manifest import hash_of
from georet.interrupt import StopRequest
from georet.locate.calibrating.attempts import Trial, num_lists
from georet.locate.calibrating.fitting import KnownQueries
from georet.locate.calibrating.kept import Kept
from georet.locate.calibrating.refined import Attempts
from georet.locate.calibration import calibration_file
from georet.locate.refine import about
from georet.page.readable import seconds
from georet.progress import echo
from georet.version import __version__

_EVERY_S: Final = 60.0


def kept_answers(trial: Trial, session: Session, reranker: Mapping[str, Any] | None) -> Kept:
    """Return the answers that a stopped call left beside the file that is to be written."""
    gallery, refiner = trial.originals.gallery, about(trial.refiner)
    name = calibration_file(reranker, refiner=refiner)
    asked = {
        "georet": __version__,
        "gallery": hash_of(gallery.manifest),
        "encoder": session.identity.as_json(),
        "imagery": trial.originals.note,
        "reranker": reranker,
        "refiner": refiner,
    }
    return Kept(gallery.path / f".{name}.journal.jsonl", asked)


class Refining:
    """A refiner at work on known photos: it can be stopped, and tells a log how far it is."""

    def __init__(self, trial: Trial, kept: Kept, stack: ExitStack) -> None:
        self.kept, self._stack, self._stop = kept, stack, StopRequest()
        self._trial, self.num_lists = trial, sum(num_lists(len(trial.photos)))
        self._done, self._began_s = 0, time.monotonic()
        self._logged_s = self._began_s

    def attempts(self, advance: Callable[[int], None], known: KnownQueries) -> Attempts:
        """Return what the refiner says; from here on a signal stops at the next ``check``."""
        self._stack.enter_context(self._stop)
        self._began_s = self._logged_s = time.monotonic()

        def step(num: int) -> None:
            advance(num)
            self._done += num
            self._log()

        trial = replace(self._trial, kept=self.kept, advance=step, check=self.check)
        return trial.attempts(known)

    def checking(self, advance: Callable[[int], None]) -> Callable[[int], None]:
        """Return what advances and then checks."""

        def step(num: int) -> None:
            advance(num)
            self.check()

        return step

    def check(self) -> None:
        """Raise Interrupted (exit code 75) where a signal has come."""
        self._stop.check("what was refined so far is kept", hint="The same command goes on.")

    def _log(self) -> None:
        """Say a line a minute where nobody sees the bar."""
        now_s = time.monotonic()
        if sys.stderr.isatty() or now_s - self._logged_s < _EVERY_S or not self.kept.num_new:
            return
        self._logged_s = now_s
        each_s = (now_s - self._began_s) / self.kept.num_new
        left = seconds(each_s * max(0, self.num_lists - self._done))
        echo(f"{self._done} of about {self.num_lists} refined, about {left} left", err=True)

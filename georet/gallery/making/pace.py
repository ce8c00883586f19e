"""How far a build is and how fast: a bar where somebody watches, a line a minute in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

from georet.progress import Stage, echo

_EVERY_S: Final = 60.0


class Pace:
    """Counts the tiles of a build, ``done`` of them by earlier calls."""

    def __init__(self, bar: Stage, total: int, done: int) -> None:
        self._bar, self._total, self._done = bar, total, done
        self._embedded, self._began_s = 0, time.monotonic()
        self._logged_s = self._began_s

    def advance(self, num: int) -> None:
        """Count ``num`` tiles more, embedded by this call."""
        self._embedded += num
        self._move(num)

    def settle(self, done: int) -> None:
        """Set the number of tiles done in all, whoever did them."""
        self._move(done - self._done)

    @property
    def tiles_per_s(self) -> float:
        """Tiles embedded by this call, for each second since it began."""
        return self._embedded / max(time.monotonic() - self._began_s, 1e-9)

    def summary(self, told: Callable[[], str] | None) -> str:
        """Return what this call did, in words; ``told`` returns more of it."""
        if not self._embedded:
            return "nothing was left to embed: other calls made all tiles"
        took_s = time.monotonic() - self._began_s
        rate = f"{self._embedded:,} tiles in {took_s:.0f} s, {self.tiles_per_s:.0f} tiles/s"
        return f"{rate}; {told()}" if told is not None else rate

    def _move(self, num: int) -> None:
        self._done += num
        self._bar.advance(num, f"{self.tiles_per_s:.0f} tiles/s")
        now_s = time.monotonic()
        is_due = now_s - self._logged_s >= _EVERY_S and self._embedded > 0
        if is_due and not sys.stderr.isatty():
            self._logged_s = now_s
            left_s = (self._total - self._done) / self.tiles_per_s
            echo(
                f"{self._done:,} of {self._total:,} tiles, {self.tiles_per_s:.0f} tiles/s, "
                f"{left_s / 60:.0f} min left",
                err=True,
            )

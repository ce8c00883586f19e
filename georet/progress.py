"""Progress bars on stderr for work that takes seconds or more; nothing where nobody watches."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Stage:
    """One stage of a job; without a bar, moving it does nothing."""

    def __init__(self, bar: Progress | None = None) -> None:
        self._bar = bar

    def advance(self, num: int, note: str = "") -> None:
        """Move on by ``num`` items; ``note`` stands beside the bar, by default the rate."""
        if self._bar is None:
            return
        task = self._bar.tasks[0]
        rate = f"{task.speed:.0f}/s" if task.speed else ""
        self._bar.update(task.id, advance=num, note=note or rate)


@contextmanager
def stage(total: int | None, title: str, *, done: int = 0) -> Iterator[Stage]:
    """Show stage, bar, count, note and remaining time while entered, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield Stage()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        Remaining(),
    ]
    with Progress(*columns, console=Console(stderr=True)) as bar:
        bar.add_task(title, total=total, completed=done, note="")
        yield Stage(bar)


def progress(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items under a bar; ``total`` is their number, by default ``len(items)``."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with stage(total, description) as bar:
        for item in items:
            yield item
            bar.advance(1)


def say(text: str) -> None:
    """Print a line for people on stderr."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(printable(text), markup=False)


def one_line(name: str) -> str:
    """Return a file's name as ``printable`` text that ends no line."""
    return printable(name.replace("\n", "\\n"))


def printable(text: str) -> str:
    """Return text that a terminal shows as it is: what would steer it is written as an escape.

    Those are control characters but for the line's end and the tab, characters that turn the
    writing direction, and bytes of file names that are no text.
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)

"""What people see in a terminal: lines, tables and progress bars, all of them printable.

Names of files, ids and texts of data sets come from strangers; whatever goes to a terminal goes
through here, so that none of them steers it.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Item = TypeVar("Item")
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


_hushed = False


def hush() -> None:
    """Print nothing more from this process but errors: another one speaks for all."""
    global _hushed
    _hushed = True


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
        self._bar.update(task.id, advance=num, note=one_line(note or rate))


@contextmanager
def stage(total: int | None, title: str, *, done: int = 0) -> Iterator[Stage]:
    """Show stage, bar, count, note and remaining time while entered, if stderr is a terminal."""
    if _hushed or not sys.stderr.isatty():
        yield Stage()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        Remaining(),
    ]
    with Progress(*columns, console=Console(stderr=True)) as bar:
        bar.add_task(one_line(title), total=total, completed=done, note="")
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
    console(stderr=True, soft_wrap=True, highlight=False).print(text, markup=False)


def next_step(*words: object) -> None:
    """Print on stderr, as the last line of a long command, what to type next: the words of a call.

    What the user has to put in is in capitals: ``PHOTO``, ``AREA.tif``.
    """
    say("next: " + shlex.join(["georet", *map(str, words)]))


def echo(text: str, *, err: bool = False, end: str = "\n") -> None:
    """Print text as it is, neither wrapped nor coloured, on stdout or with ``err`` on stderr."""
    import typer

    if err or not _hushed:
        typer.echo(printable(text) + end, err=err, nl=False)


def echo_json(value: Any) -> None:
    """Print a value as JSON on stdout; a text is JSON already."""
    if _hushed:
        return
    found = value if isinstance(value, str) else json.dumps(value, indent=2)
    echo(_STEERING.sub(lambda one: f"\\u{ord(one[0]):04x}", found))


def console(
    *, stderr: bool = False, soft_wrap: bool = False, highlight: bool = True, file: Any = None
) -> Console:
    """Return rich's console for tables and styled lines; what it prints is ``printable``."""
    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
    from rich.segment import Segment

    class Printable:
        def __init__(self, shown: ConsoleRenderable) -> None:
            self.shown = shown

        def __rich_console__(self, into: Console, options: ConsoleOptions) -> RenderResult:
            # Styles and rich's own control codes are not in a segment's text.
            for part in into.render(self.shown, options):
                yield part if part.control else Segment(printable(part.text), part.style)

    class Hook(RenderHook):
        def process_renderables(
            self, renderables: list[ConsoleRenderable]
        ) -> list[ConsoleRenderable]:
            return [Printable(shown) for shown in renderables]

    quiet = _hushed and file is None
    made = Console(stderr=stderr, soft_wrap=soft_wrap, highlight=highlight, file=file, quiet=quiet)
    made.push_render_hook(Hook())
    return made


def one_line(name: str) -> str:
    """Return a file's name as ``printable`` text that ends no line."""
    return printable(name.replace("\n", "\\n"))


def printable(text: str) -> str:
    """Return text that a terminal shows as it is: what would steer it is written as an escape.

    Those are control characters but for the line's end and the tab, characters that turn the
    writing direction, and bytes of file names that are no text.
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)

"""What an executor must do: have the shards of a gallery made, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

from georet.contracts.running import Session

Tick = Callable[[int], None]
"""Is told the number of tiles done since; it may raise, to stop the build."""
Make = Callable[[Sequence[int], Tick], Sequence[int]]
"""Makes shards, and returns those that it made: other processes may be at the others."""


class Making(Protocol):
    """Makes shards in the process that opened it; the encoder stays loaded until ``close``."""

    def make(self, shard: int, tick: Tick = ..., /) -> bool:
        """Make a shard, unless another process is at it or was faster; say whether it was made."""

    def close(self) -> None:
        """End what reads, and give back what was claimed."""


class Opened(Protocol):
    """A build whose plan is fixed: it is known which shards there are."""

    @property
    def session(self) -> Session:
        """The encoder, opened in the calling process."""

    @property
    def num_shards(self) -> int:
        """The number of shards of the whole gallery."""

    @property
    def maker(self) -> Callable[..., Making]:
        """Opens another encoder where it is called; picklable.

        Keywords: ``threads`` caps the encoder's, ``decoders`` are processes that read for it.
        """

    def finish(self, make: Make, told: Callable[[], str] | None = None) -> None:
        """Call ``make`` with shards that are missing until none is, and seal the gallery.

        What is missing is read from the gallery's journal, so ``make`` may fail silently; the same
        shard is given three times. ``told`` adds words to the line that ends the build.
        """


class Build(Protocol):
    """One call that builds a gallery."""

    @property
    def folder(self) -> Path:
        """The gallery's folder."""

    @property
    def command(self) -> Sequence[str] | None:
        """The command line of this call, without ``--executor``; None from Python."""

    @property
    def workers(self) -> int | None:
        """How many processes shall read for each that embeds, None: as fits."""

    @property
    def devices(self) -> Sequence[str] | None:
        """Where it shall be embedded, None: where the encoder says."""

    @property
    def num_shares(self) -> int:
        """Of how many calls this one is: more than 1 with ``--shard``."""

    def opened(self) -> AbstractContextManager[Opened]:
        """Open source and encoder, and fix the plan."""

    def say(self, text: str) -> None:
        """Tell the user a line."""

    def check_stop(self) -> None:
        """Raise Interrupted where a signal asks to stop; to be called once a second at least."""


@runtime_checkable
class Executor(Protocol):
    """Has the shards of a gallery made.

    What a shard holds depends on neither place nor time, each is written whole or not at all, and
    the gallery's journal says which are done: an executor may be killed at any moment.
    """

    def run(self, build: Build, /) -> None:
        """Return when all shards are made and the gallery is sealed, or what makes them is sent."""

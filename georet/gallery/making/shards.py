"""What making shards needs: a session's opener, the work, claims; and the error of bad tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from georet.contracts.running import Session
from georet.errors import DataError, UsageError
from georet.gallery.files.journal import shard_name
from georet.gallery.files.plan import Plan
from georet.plugins import UNSAID, Selection
from georet.tiles.table import TileSource
from georet.types import REFERENCE


@runtime_checkable
class Opener(Protocol):
    """What opens a session in the process that needs it, such as a ``SessionSpec``; picklable."""

    @property
    def view(self) -> str:
        """The view that the session embeds."""

    @property
    def selection(self) -> Selection:
        """The plugins that the user named, with which sources are opened as well."""

    def open(self) -> Session:
        """Return the session."""

    def capped(self, threads: int) -> Opener:
        """Return the same with at most so many threads, where it doesn't say how many itself."""

    def as_json(self) -> dict[str, Any] | None:
        """Return where the encoder is, as JSON values that a gallery keeps, or None."""


class SessionOpener(Protocol):
    """The least that a build needs to be given: something that opens a session."""

    def open(self) -> Session:
        """Return the session."""


@dataclass(frozen=True)
class Plain:
    """An ``Opener`` made of what can only open a session; its encoder is not found again later."""

    opens: SessionOpener
    view: str = REFERENCE
    selection: Selection = UNSAID

    def open(self) -> Session:
        """Return the session."""
        return self.opens.open()

    def capped(self, threads: int) -> Plain:  # noqa: ARG002 - it can't be told
        """Return itself."""
        return self

    def as_json(self) -> None:
        """Return None: nothing says where the encoder is."""


@dataclass(frozen=True)
class Work:
    """All that a process needs to make shards of a build; the plan it reads from ``folder``.

    ``decoders`` processes read tiles ahead for each process that embeds.
    """

    folder: Path
    source: TileSource
    spec: Opener
    num_bad_allowed: int
    decoders: int = 0


def placed(spec: Opener, device: str | None) -> Opener:
    """Return the same opener for a device; UsageError where it can't be told which."""
    if device is None:
        return spec
    on = getattr(spec, "on", None)
    if on is None:
        raise UsageError(
            "this encoder can't be told on which device to compute",
            where="--devices",
            hint="Leave --devices out.",
        )
    opener: Opener = on(device)
    return opener


def claim_path(folder: Path, shard: int) -> Path:
    """Return the file by which a process claims a shard."""
    return folder / f"{shard_name(shard)}.claim"


def too_many_bad(bad: Sequence[tuple[int, str]], allowed: int, plan: Plan) -> DataError:
    """Return the error for a source with more unreadable tiles than the quota allows."""
    first = "".join(f"\n  {plan.tiles.ids[row]}: {why}" for row, why in bad[:3])
    num = len(plan.tiles)
    some = f"at least {len(bad)} of {num:,} tiles can't be used, {allowed} are allowed"
    what = some if len(bad) > allowed else f"none of the {num:,} tiles can be used"
    return DataError(
        f"{what}; the first:{first}",
        hint="Repair the source, or allow more with --bad-tile-quota; the build then goes on.",
    )

"""Everything that georet raises on purpose: what happened, where, and what to type next."""

from __future__ import annotations

import traceback
from typing import ClassVar


class GeoretError(Exception):
    """Base of georet's errors; the command line prints it without a traceback.

    ``what`` is the event, ``where`` the file, line, key or plugin, ``hint`` the next thing to do.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        # A file's name may hold a line's end, which would pass for a line of ours.
        where = self.where.replace("\n", "\\n") + ": " if self.where else ""
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"{where}{self.what}{hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # The default would lose `where` and `hint` on the way back from a loader worker.
        return _rebuild, (type(self), self.what, self.where, self.hint)


def _rebuild(
    kind: type[GeoretError], what: str, where: str | None, hint: str | None
) -> GeoretError:
    return kind(what, where=where, hint=hint)


def portable(error: Exception, place: str) -> Exception:
    """Return an error that survives a pipe from ``place``, a worker process.

    georet's own do; others, called while they are handled, travel as their traceback.
    """
    if isinstance(error, GeoretError):
        return error
    return RuntimeError(f"in {place}:\n{traceback.format_exc()}")


class UsageError(GeoretError):
    """The call can't be carried out as typed."""

    exit_code = 2


class ConfigError(UsageError):
    """A key or value of the configuration is wrong; ``where`` is file and key."""


class PluginError(UsageError):
    """A plugin is unknown, broken, or breaks the contract; ``where`` names it."""


class ComponentError(UsageError):
    """A component is unknown, ambiguous, or misconfigured."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed; ``hint`` says which extra brings it."""


class DataError(GeoretError):
    """Something on disk is missing, unreadable or inconsistent."""

    exit_code = 3


class IntegrityError(GeoretError):
    """A file is not what its manifest vouches for."""

    exit_code = 4


class TrainingError(GeoretError):
    """Training can't go on (for example: too many non-finite steps in a row)."""


class Interrupted(GeoretError):  # noqa: N818 - an outcome, not a fault
    """Stopped by a signal after saving; the run can be resumed."""

    exit_code = 75

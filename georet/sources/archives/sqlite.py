"""SQLite files of others: read-only, with limits that no query of a hostile schema outlasts."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from georet.errors import DataError
from georet.sources.untrusted import check_companions

_MAX_VALUE_BYTES: Final = 64 << 20
_BASE_STEPS: Final = 5_000_000
_STEPS_A_BYTE: Final = 10
_BASE_S: Final = 1.0
_BYTES_A_S: Final = 5_000_000
_OFTEN: Final = 10_000
"""Steps of SQLite's virtual machine between two looks at the limits."""

_COMPUTED: Final = re.compile(r"\bAS\b|\bVIRTUAL\b", re.IGNORECASE)


_HARMLESS: Final = frozenset(
    ("abs", "avg", "coalesce", "count", "ifnull", "iif", "instr", "length", "lower", "max", "min",
     "nullif", "pow", "power", "round", "substr", "substring", "sum", "total", "trim", "typeof",
     "upper")
)  # fmt: skip
"""SQL functions that a view may call: none makes much of little, as printf does in one step."""


class Database:
    """One process's connection; no query takes more than the file's size can account for.

    A view (many writers of MBTiles make ``tiles`` one, over a table of pictures) or a computed
    column may loop without end, so that steps are counted, and seconds where the schema computes.
    """

    def __init__(self, path: Path) -> None:
        check_companions(path)
        self.path, size = path, path.stat().st_size
        self._steps = _BASE_STEPS + _STEPS_A_BYTE * size
        self._limit_s = _BASE_S + size / _BYTES_A_S
        self._connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.set_authorizer(_allow)
        self._computes = True

    def schema(self) -> dict[str, str]:
        """Return {name: kind} of tables and views; from then on plain tables have no clock."""
        rows = self.ask("SELECT name, type, sql FROM sqlite_master")
        self._computes = any(
            kind == "view" or (kind == "table" and _COMPUTED.search(str(sql)))
            for _, kind, sql in rows
        )
        return {str(name): str(kind) for name, kind, _ in rows if kind in ("table", "view")}

    def ask(self, query: str, *values: int | str) -> list[tuple[Any, ...]]:
        """Return the rows that answer a query; DataError where it can't be, or not soon."""
        with self._limited():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _limited(self) -> Iterator[None]:
        steps, begin, ran_out = 0, time.monotonic(), False

        def look() -> int:
            nonlocal steps, ran_out
            steps += _OFTEN
            late = self._computes and time.monotonic() - begin > self._limit_s
            ran_out = late or steps > self._steps
            return int(ran_out)

        self._connection.set_progress_handler(look, _OFTEN)
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            if ran_out:
                raise DataError(
                    f"a query takes more than {self._steps:,} steps or {self._limit_s:.1f} s: its "
                    "tables or views compute without end",
                    where=str(self.path),
                    hint="Fetch the file from somebody you trust, or write its tiles into a table.",
                ) from error
            if "not authorized" in str(error):
                raise DataError(
                    f"its tiles are computed by SQL that isn't run for a file of others: {error}",
                    where=str(self.path),
                    hint="Fetch the file from somebody you trust, or write its tiles into a table.",
                ) from error
            raise DataError(
                f"is no MBTiles file that can be read: {error}",
                where=str(self.path),
                hint="MBTiles is an SQLite file with a table tiles(zoom_level, tile_column, "
                "tile_row, tile_data); `sqlite3 FILE 'pragma integrity_check'` tests it.",
            ) from error
        finally:
            self._connection.set_progress_handler(None, 0)


def _allow(action: int, _first: str | None, second: str | None, *_rest: str | None) -> int:
    """Say whether a query, or the view that it reads, may do something: read, and little more."""
    is_fine = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
    is_fine |= action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _HARMLESS
    return sqlite3.SQLITE_OK if is_fine else sqlite3.SQLITE_DENY

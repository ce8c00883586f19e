"""The command line; errors that georet raises on purpose end it with a message, not a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

DEBUG = "GEORET_DEBUG"
SPINS: Final = "6000"
"""Turns of GNU's OpenMP before a waiting thread sleeps (``benchmarks/waiting.py``)."""
_OF_OUTPUT: Final = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)
"""What a stream says that can't be written; it names no file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``georet`` with these arguments (by default the process's) and return its exit code.

    0: done; 1: failed, or a bug; 2: the call or the configuration is wrong; 3: data is missing or
    unreadable, or output can't be written; 4: a file is not what its manifest says; 75: stopped,
    can be resumed; 130: Ctrl-C; 141: whoever read the output has closed it.
    """
    # Read once, when torch's thread pool is loaded: threads that spin while they wait starve each
    # other as soon as anything else runs on the machine; threads that sleep at once are woken at
    # each of a step's thousand operations, which takes longer than many of these.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "passive"
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    from georet.cli.app import run
    from georet.errors import GeoretError

    if sys.stdout is None:
        # Closed by the caller (`>&-`), who wants no output.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
        # Here, where it can be told what went wrong; Python itself flushes too late.
        sys.stdout.flush()
    except GeoretError as error:
        _complain(str(error), error)
        return error.exit_code
    except KeyboardInterrupt:
        _complain("stopped by Ctrl-C")
        return 130
    except SystemExit as stop:
        # What click and rich make of a closed pipe.
        if isinstance(stop.__context__, BrokenPipeError):
            return _unwritten(stop.__context__)
        raise
    except OSError as error:
        if error.filename is None and error.errno in _OF_OUTPUT:
            return _unwritten(error)
        if error.filename is None:
            return _bug(error)
        _complain(f"{error.filename}: {error.strerror}\n  {DEBUG}=1 shows where.", error)
        return 3
    except Exception as error:
        return _bug(error)
    return code


def _bug(error: Exception) -> int:
    what = f"{type(error).__name__}: {error}\n  This is a bug in georet or in a plugin."
    _complain(f"{what}\n  {DEBUG}=1 shows where it happened; please report it.", error)
    return 1


def _unwritten(error: OSError) -> int:
    """End in words, or quietly where the reader has gone (`| head`), as programs do by SIGPIPE."""
    if sys.stdout is sys.__stdout__:
        # What is left in the buffer can't be written either, and Python would try at its end.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    if isinstance(error, BrokenPipeError):
        return 141
    _complain(f"the output can't be written: {error.strerror}", error)
    return 3


def _complain(message: str, error: Exception | None = None) -> None:
    import typer

    from georet.progress import printable

    if error is not None and os.environ.get(DEBUG):
        import traceback

        traceback.print_exception(error)
    typer.secho("error: ", fg=typer.colors.RED, bold=True, err=True, nl=False)
    typer.echo(printable(message), err=True)

"""The command line; errors that georet raises on purpose end it with a message, not a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

DEBUG = "GEORET_DEBUG"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``georet`` with these arguments (by default the process's) and return its exit code.

    0: done; 1: failed, or a bug; 2: the call or the configuration is wrong; 3: data is missing or
    unreadable; 4: a file is not what its manifest says; 75: stopped, can be resumed; 130: Ctrl-C.
    """
    # Read once, when torch's thread pool is loaded: threads that spin while they wait starve each
    # other as soon as anything else runs on the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from georet.cli.app import run
    from georet.errors import GeoretError

    try:
        return run(sys.argv[1:] if arguments is None else arguments)
    except GeoretError as error:
        _complain(str(error), error)
        return error.exit_code
    except KeyboardInterrupt as stopped:
        _complain(" ".join(["stopped by Ctrl-C", *map(str, stopped.args)]))
        return 130
    except Exception as error:
        what = f"{type(error).__name__}: {error}\n  This is a bug in georet or in a plugin."
        _complain(f"{what}\n  {DEBUG}=1 shows where it happened; please report it.", error)
        return 1


def _complain(message: str, error: Exception | None = None) -> None:
    import typer

    from georet.progress import printable

    if error is not None and os.environ.get(DEBUG):
        import traceback

        traceback.print_exception(error)
    typer.secho("error: ", fg=typer.colors.RED, bold=True, err=True, nl=False)
    typer.echo(printable(message), err=True)

"""``georet demo``: an orbital photo finds its place on the globe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import AsJson
from georet.cli.serve import NoBrowser, Port, show
from georet.progress import echo

EPILOG = """Examples:

georet demo

georet demo runs/first --no-browser
"""
HOST = "127.0.0.1"
WHICH = "A run trained on OrbitView; by default the newest in ./runs."
RunFolder = Annotated[Path | None, typer.Argument(metavar="RUN", help=WHICH)]
NamedRun = Annotated[Path | None, typer.Option("--run", metavar="RUN", help="The same by name.")]


def demo(
    run: RunFolder = None,
    named_run: NamedRun = None,
    port: Port = 8765,
    no_browser: NoBrowser = False,
    as_json: AsJson = False,
) -> None:
    """Open a page on which photos from orbit are found on a globe made of a run's tiles.

    Without a run trained on OrbitView, one is trained first, which takes some minutes. The gallery
    is built once and kept below the run.
    """
    from georet.errors import UsageError
    from georet.extras import need

    if run is not None and named_run is not None:
        raise UsageError("the run is given twice", where="--run", hint="Leave one of them out.")
    run = run or named_run
    for module, extra in (("fastapi", "serve"), ("uvicorn", "serve"), ("pyarrow", "gallery")):
        need(module, extra=extra, what="georet demo")
    from georet.commands.demo import demo_site, newest_run
    from georet.serve.run import check_free

    check_free(HOST, port)
    found = run or newest_run(Path("runs"))
    if found is None:
        from georet.commands.training import start_run

        _say("there is no run trained on OrbitView in ./runs: training one first, about 4 minutes")
        found = start_run()
    site = demo_site(found, _say)
    show(site, port=port, host=HOST, token=None, no_browser=no_browser, as_json=as_json)


def _say(text: str) -> None:
    echo(text, err=True)

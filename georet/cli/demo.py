"""``georet demo``: an orbital photo finds its place on the globe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from georet.cli.options import AsJson
from georet.cli.serve import NoBrowser, Port, show
from georet.progress import echo

EPILOG = """Examples:

georet demo

georet demo runs/first --no-browser

georet demo --area
"""
HOST = "127.0.0.1"
AREA = "demo-area"
WHICH = "A run trained on OrbitView; by default the newest in ./runs."
RunFolder = Annotated[Path | None, typer.Argument(metavar="RUN", help=WHICH)]
Area = Annotated[
    bool, typer.Option("--area", help="Photos of a flight over a map instead: see demo-area.")
]
NamedRun = Annotated[Path | None, typer.Option("--run", metavar="RUN", help="The same by name.")]


def demo(
    run: RunFolder = None,
    named_run: NamedRun = None,
    area: Area = False,
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

    if area:
        if run is not None or named_run is not None:
            raise UsageError("takes no run", where="--area", hint="Its encoder is made for it.")
        _area(port=port, no_browser=no_browser, as_json=as_json)
        return
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


def _area(*, port: int, no_browser: bool, as_json: bool) -> None:
    """Call the command that the plugin ortho brings."""
    from georet.cli.app import LazyGroup
    from georet.errors import PluginError

    words = ["--port", str(port)]
    words += ["--no-browser"] * no_browser + ["--json"] * as_json
    command: Any = LazyGroup(name="georet").get_command(None, AREA)
    if command is None:
        raise PluginError(
            "no plugin brings it", where="--area", hint="The plugin ortho does: --plugins ortho"
        )
    command.main(words, prog_name=f"georet {AREA}", standalone_mode=False)


def _say(text: str) -> None:
    echo(text, err=True)

"""``georet eval``: judge a run's encoder on the galleries of its data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import NoPlugin, PluginNames, Sets

EPILOG = """Examples:

georet eval runs/first

georet eval runs/first --checkpoint best --only cross --json

georet eval runs/first --set dataset.region=africa
"""


def evaluate(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    checkpoint: Annotated[str, typer.Option(help="last or best.")] = "last",
    only: Annotated[
        list[str] | None, typer.Option(help="An evaluation set; repeat for several.")
    ] = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    sets: Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Embed queries and galleries with a run's encoder and print the metrics of each gallery."""
    from georet.train.session import evaluate_session

    evaluate_session(
        run,
        which=checkpoint,
        only=only,
        plugins=plugins,
        blocked=no_plugin or (),
        overrides=sets or (),
        as_json=as_json,
    )

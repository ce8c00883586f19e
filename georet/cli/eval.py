"""``georet eval``: judge a run's encoder on the galleries of its data set."""

from __future__ import annotations

from typing import Annotated

import typer

from georet.cli.options import (
    AsJson,
    Checkpoint,
    DryRun,
    NoPlugin,
    Nproc,
    PluginNames,
    Rerank,
    RunFolder,
    Sets,
)
from georet.plugins import Selection

EPILOG = """Examples:

georet eval runs/first

georet eval runs/first --checkpoint best --only cross --json

georet eval runs/first --set dataset.region=africa

georet eval runs/cvusa --set 'dataset={name: datasets:cvact, root: data/CVACT}' --save cvact

georet eval runs/first --plugins sample4geo,./sift.py --rerank sift:top=10

georet eval runs/cvusa --set 'evaluate.field_of_view={degrees: 90, heading: random, seed: 1}'

georet eval runs/cvusa --nproc 2

torchrun --nproc-per-node 8 -m georet eval runs/cvusa
"""


def evaluate(
    run: RunFolder,
    checkpoint: Checkpoint = "last",
    only: Annotated[
        list[str] | None, typer.Option(metavar="SET", help="An evaluation set; repeatable.")
    ] = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    sets: Sets = None,
    save_as: Annotated[
        str | None,
        typer.Option(
            "--save", metavar="NAME", help="Keep the results in the run, for `georet report`."
        ),
    ] = None,
    rerank: Rerank = None,
    refine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:KEY=VALUE,...]",
            help="A refiner, after the re-ranker: errors of its places, with and without.",
        ),
    ] = None,
    nproc: Nproc = 1,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Embed queries and galleries with a run's encoder and print the metrics of each gallery."""
    from georet.commands.judging import evaluate_run
    from georet.ranks.supervisor import supervised

    if supervised(nproc):
        return
    evaluate_run(
        run,
        which=checkpoint,
        only=only,
        selection=Selection.of(plugins, no_plugin),
        overrides=sets or (),
        save_as=save_as,
        as_json=as_json,
        rerank=rerank,
        refine=refine,
        is_dry=dry_run,
    )

"""``georet fit``: fit linear maps to a trained run, into a run of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import NoPlugin, PluginNames, RunFolder, Sets
from georet.plugins import Selection

EPILOG = """Examples:

georet fit runs/first --with whitening:dim=256 --out runs/first-white

georet fit runs/first --with pca:dim=128 --with procrustes:to=reference --out runs/small

georet fit runs/first --with whitening --set 'dataset={name: pairs_csv, root: own}' --out runs/own
"""


def fit(
    run: RunFolder,
    fits: Annotated[
        list[str],
        typer.Option(
            "--with",
            metavar="NAME[:KEY=VALUE,...]",
            help="A fit: whitening, pca, procrustes, or a plugin's; one after the other.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new run.")],
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="NAME", help="Of the run: last or best.")
    ] = "last",
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    sets: Sets = None,
) -> None:
    """Fit linear maps to a run's embeddings; the new run's encoder and exports contain them.

    Nothing is trained. The maps are fitted to the training images of the run's data set, or of
    another one (--set dataset=...), and take the place of those that the run has.
    """
    from georet.commands.fitting import fit_run

    fit_run(
        run,
        fits,
        out,
        which=checkpoint,
        selection=Selection.of(plugins, no_plugin),
        overrides=sets or (),
    )

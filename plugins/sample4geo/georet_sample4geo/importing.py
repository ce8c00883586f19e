"""``georet import``: make a run out of weights that others have released."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import NoPlugin, PluginNames, Sets
from georet.plugins import Selection
from georet.progress import echo, next_step

EPILOG = """Examples:

georet import sample4geo weights_e40.pth --model convnext_base.fb_in22k_ft_in1k_384 --out runs/cvusa

georet eval runs/cvusa --set dataset.root=/data/CVUSA
"""

app = typer.Typer(
    help="Make a run out of weights that others have released.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    epilog=EPILOG,
)


@app.callback()
def _formats() -> None:
    """Make a run out of weights that others have released."""


@app.command("sample4geo", epilog=EPILOG)
def sample4geo(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS.pth", help="A state dict.")],
    *,
    model: Annotated[str, typer.Option(metavar="NAME", help="timm's name of the network.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder of the new run.")],
    recipe: Annotated[
        str, typer.Option(metavar="NAME", help="Recipe that the weights were trained with.")
    ] = "sample4geo/cvusa",
    sets: Sets = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Read a checkpoint of Sample4Geo, without running code from it, into a run's folder.

    Every tensor must fit; what doesn't is listed and nothing is written.
    """
    from georet_sample4geo.released import import_released

    done = import_released(
        weights,
        model=model,
        out=out,
        recipe=recipe,
        overrides=sets or (),
        selection=Selection.of(plugins, no_plugin),
    )
    echo(f"{done.num_tensors} tensors of {weights.name} are in {done.run_dir}")
    if done.left_out:
        echo(f"left out, the classifier: {', '.join(done.left_out)}", err=True)
    if done.logit_scale is None:
        echo("the file has no logit_scale: the recipe's stays", err=True)
    next_step("eval", done.run_dir, "--set", "dataset.root=FOLDER")

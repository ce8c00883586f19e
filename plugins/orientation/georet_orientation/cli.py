"""``georet data orient``: pseudo-labels of the photos' headings, to train with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from georet.cli.options import AsJson, DryRun, NoPlugin, PluginNames
from georet.progress import echo, echo_json, next_step

if TYPE_CHECKING:
    from georet.contracts.training import Dataset
    from georet.plugins import Plugins
    from georet_orientation.labelling import Matcher

app = typer.Typer(rich_markup_mode=None, add_completion=False)
PANORAMA = "panorama"
RECIPE = "orientation/cityblocks-unknown"
EPILOG = """Examples:

georet data orient headings.csv --dataset cityblocks --set heading=unknown

georet data orient headings.csv --dataset university1652 --set root=U1652 --matcher sift:inliers=20
"""


@app.command(epilog=EPILOG)
def orient(
    out: Annotated[Path, typer.Argument(help="The new CSV file.")],
    dataset: Annotated[str, typer.Option(help="The data set whose training photos are matched.")],
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of the data set; repeatable."),
    ] = None,
    matcher: Annotated[
        str,
        typer.Option(
            metavar="NAME[:KEY=VALUE,...]",
            help="panorama, for level ones; else a refiner such as sift, for photos from above.",
        ),
    ] = PANORAMA,
    height_m: Annotated[
        float,
        typer.Option("--height", min=0.1, help="Metres that panoramas' camera is up."),
    ] = 2.2,
    certain: Annotated[
        float | None,
        typer.Option(min=0.01, help="Score from which a label has weight 1: 1, or 60 matches."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Photos matched at once.")] = 1,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Find where photos look against their own tiles, and write it with a weight for each.

    Where the data set knows the true headings (`yaw_rad`), it says how good the labels are.
    """
    from georet.errors import DataError
    from georet.plugins import Selection, load_plugins
    from georet.progress import progress
    from georet_orientation.labelling import agreement, foresee, label
    from georet_orientation.labels import write_labels

    if out.exists():
        raise DataError("is there already", where=str(out), hint="Name a new file.")
    owner, colon, _ = dataset.rpartition(":")
    loaded = load_plugins(Selection.of(plugins, no_plugin), also=[owner] if colon else ())
    pairs = _dataset(loaded, dataset, sets).train()
    match = _matcher(loaded, matcher, height_m, certain)
    num = len({int(row) for row in pairs.pairs[:, 0]})
    if dry_run:
        foresee(pairs, match, num, out, workers)
        return
    found = dict(progress(label(pairs, match, workers=workers), "matching", num))
    write_labels(out, found)
    told = agreement(pairs, found.items())
    if as_json:
        echo_json({"file": str(out), **told})
        return
    for name, value in told.items():
        echo(f"{name}: {value}")
    echo(f"written: {out}")
    next_step("train", "--recipe", RECIPE, "--set", f"dataset.labels={out}")


def _dataset(loaded: Plugins, name: str, sets: list[str] | None) -> Dataset:
    from georet.config import ComponentSpec
    from georet.configure.layers import Layered, override_layer
    from georet.contracts.building import BuildContext

    layered = Layered()
    for text in sets or ():
        layered.put(override_layer(text))
    spec = ComponentSpec.model_validate({**layered.values, "name": name})
    context = BuildContext(loaded.catalog)
    made: Dataset = loaded.catalog.create("datasets", spec, where="dataset", context=context)
    return made


def _matcher(loaded: Plugins, name: str, height_m: float, certain: float | None) -> Matcher:
    from georet.configure.inline import spec_of
    from georet_orientation.labelling import panorama_matcher, refiner_matcher

    if name == PANORAMA:
        return panorama_matcher(height_m, certain or 1.0)
    spec = spec_of(name, where="--matcher")
    return refiner_matcher(
        loaded.catalog.create("refiners", spec, where="--matcher"), certain or 60.0
    )

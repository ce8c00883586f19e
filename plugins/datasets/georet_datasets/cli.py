"""``georet data``: write a data set in a published layout, or check a tree of files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from georet.cli.groups import PluginGroup
from georet.cli.options import AsJson, NoPlugin, PluginNames
from georet.plugins import Selection
from georet.progress import console, echo, echo_json, next_step

if TYPE_CHECKING:
    from georet.contracts.training import Dataset
    from georet.plugins import Plugins
    from georet_datasets.check import Report

BEYOND_QUOTA = 3
NUM_SHOWN = 20

Options = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option of the data set; repeatable."),
]

app = typer.Typer(
    cls=PluginGroup,
    help="Write a data set in a published layout, or check a tree of files.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""Examples:

georet data export --layout vigor trees/orbitview

georet data check trees/orbitview
""",
)


@app.command(
    epilog="""Examples:

georet data export --layout cvusa trees/cvusa --set train_renders=1

georet data export --layout vigor trees/dense --evaluation same-dense

georet data export --layout cvact trees/cvact --evaluation cross --evaluation same
"""
)
def export(
    folder: Annotated[Path, typer.Argument(help="The new folder.")],
    layout: Annotated[str, typer.Option(help="cvusa, cvact, vigor, university-1652 or pairs-csv.")],
    dataset: Annotated[str, typer.Option(help="The data set to write.")] = "orbitview",
    sets: Options = None,
    evaluation: Annotated[
        list[str] | None, typer.Option(help="An evaluation set to write; by default the first.")
    ] = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Write a data set in the layout of another: same images, same order of pairs and gallery."""
    from georet_datasets.writers.export import export_dataset

    options = _options(sets)
    loaded = _load(dataset, Selection.of(plugins, no_plugin))
    source = _make(loaded, dataset, options)
    about = {"dataset": dataset, "options": options, "plugins": loaded.versions}
    export_dataset(source, layout, folder, about=about, evaluations=evaluation)
    echo(f"written: {folder}")
    next_step("data", "check", folder)


@app.command(
    epilog="""Examples:

georet data check /data/CVUSA

georet data check /data/VIGOR --set area=cross --quota 0.01 --json

georet data check --dataset pairs_csv --set root=mine --same-size
"""
)
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="A tree; its layout is recognised unless --dataset.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="The data set that reads it.")] = None,
    sets: Options = None,
    quota: Annotated[
        float, typer.Option(min=0, max=1, help="Share of images that may have a finding.")
    ] = 0.0,
    same_size: Annotated[
        bool, typer.Option("--same-size", help="Images of another size than most are findings.")
    ] = False,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    as_json: AsJson = False,
) -> None:
    """Read every image of a data set and list what is missing, unreadable, double or misplaced.

    Queries that are trained on too are findings; what the data set does not read is listed.

    Exit code 3 when more than the quota have a finding, or the lists can't be read.
    """
    from georet_datasets.check import check_images

    name, options = _what_to_check(folder, dataset, _options(sets))
    loaded = _load(name, Selection.of(plugins, no_plugin))
    keys = loaded.catalog.options_schema("datasets", name).get("properties", {})
    if "missing" in keys:
        # A missing image is a finding here, not the end.
        options = {"missing": "keep", **options}
    report = check_images(_make(loaded, name, options), same_size=same_size)
    _print(report, name, quota, as_json)
    if report.bad_share > quota:
        raise typer.Exit(BEYOND_QUOTA)
    if folder is not None and not as_json:
        next_step("init", folder)


def _what_to_check(
    folder: Path | None, dataset: str | None, options: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    from georet.errors import UsageError
    from georet_datasets.detect import detect

    if folder is None and dataset is None:
        raise UsageError("nothing to check", hint="Name a folder, or --dataset NAME.")
    if folder is None or dataset is not None:
        root = {} if folder is None else {"root": str(folder)}
        return str(dataset), {**root, **options}
    name, found = detect(folder)
    return name, {**found, **options}


def _options(sets: list[str] | None) -> dict[str, Any]:
    from georet.configure.layers import Layered, override_layer

    layered = Layered()
    for text in sets or ():
        layered.put(override_layer(text))
    return layered.values


def _load(dataset: str, selection: Selection) -> Plugins:
    from georet.plugins import load_plugins

    owner, colon, _ = dataset.rpartition(":")
    return load_plugins(selection, also=[owner] if colon else ())


def _make(loaded: Plugins, dataset: str, options: dict[str, Any]) -> Dataset:
    from georet.config import ComponentSpec
    from georet.contracts.building import BuildContext

    spec = ComponentSpec.model_validate({**options, "name": dataset})
    context = BuildContext(loaded.catalog)
    made: Dataset = loaded.catalog.create("datasets", spec, where="dataset", context=context)
    return made


def _print(report: Report, name: str, quota: float, as_json: bool) -> None:
    if as_json:
        found = [finding._asdict() for finding in report.findings]
        summary = {
            "dataset": name,
            "num_images": report.num_images,
            "num_bad": report.num_bad,
            "quota": quota,
            "is_within_quota": report.bad_share <= quota,
            "sizes": report.sizes,
            "left_out": [
                {"kind": g["kind"], "folder": g["folder"], "num": len(g["names"])}
                | {"names": g["names"][:NUM_SHOWN]}
                for g in report.left_out
            ],
            "findings": found,
        }
        echo_json(summary)
        return
    _print_tables(report, name, quota)


def _print_tables(report: Report, name: str, quota: float) -> None:
    from rich.table import Table
    from rich.text import Text

    screen = console()
    sizes = Table("table", "images read", "sizes (height x width)", title=Text(f"Images of {name}"))
    for table, counts in report.sizes.items():
        shown = [f"{num:,} of {size}" for size, num in list(counts.items())[:3]]
        more = [f"and {len(counts) - 3} other sizes"] if len(counts) > 3 else []
        sizes.add_row(table, f"{sum(counts.values()):,}", ", ".join([*shown, *more]))
    screen.print(sizes)
    if report.left_out:
        passed = Table("num", "what", "folder", "such as", title="Not read")
        for group in report.left_out:
            cells = (str(len(group["names"])), group["kind"], group["folder"], group["names"][0])
            passed.add_row(*[Text(cell, overflow="fold") for cell in cells])
        screen.print(passed)
    if report.findings:
        listing = Table("finding", "table", "image", "what", title="Findings")
        for finding in report.findings[:NUM_SHOWN]:
            cells = (finding.kind, finding.table, finding.path, finding.what)
            listing.add_row(*[Text(cell, overflow="fold") for cell in cells])
        screen.print(listing)
    hidden = len(report.findings) - NUM_SHOWN
    if hidden > 0:
        echo(f"and {hidden:,} more findings; --json lists all")
    verdict = "within" if report.bad_share <= quota else "beyond"
    echo(
        f"{report.num_bad:,} of {report.num_images:,} images have a finding "
        f"({report.bad_share:.2%}), {verdict} the quota of {quota:.2%}"
    )

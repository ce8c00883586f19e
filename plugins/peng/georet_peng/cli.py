"""``georet peng``: photos placed on a city's graph, and graphs and canvases written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import AsJson, Checkpoint, NoPlugin, PluginNames, RunFolder
from georet.progress import echo, echo_json

app = typer.Typer(
    help="Place photos on the edges of a city's graph.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(
    epilog="""Examples:

georet peng locate runs/peng c3p0005_r0_90

georet peng locate runs/peng photo.jpg --city data/town --fov 72 --heading 140 --picture found.png
"""
)
def locate(
    run: RunFolder,
    photos: Annotated[
        list[str],
        typer.Argument(metavar="PHOTO...", help="Files, or ids in the data set's evaluation sets."),
    ],
    city: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="nodes.csv, edges.csv and streets.csv; default: the city that judged the run.",
        ),
    ] = None,
    fov_deg: Annotated[
        float | None,
        typer.Option(
            "--fov",
            min=5,
            max=170,
            help="Degrees that a file's width spans, unless it is a panorama.",
        ),
    ] = None,
    heading_deg: Annotated[
        float | None,
        typer.Option("--heading", help="Where a file's middle looks, degrees from north."),
    ] = None,
    candidates: Annotated[
        int, typer.Option(min=1, help="Edges whose street images are compared with the photo.")
    ] = 400,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="A new picture of the last answer.")
    ] = None,
    checkpoint: Checkpoint = "last",
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    as_json: AsJson = False,
) -> None:
    """Find the edge, position and heading of photos, with errors where the truth is known."""
    from georet.plugins import Selection
    from georet_peng.asking import Question, cities_of
    from georet_peng.locating import Locator, in_words, record

    selection = Selection.of(plugins, no_plugin)
    cities = cities_of(run, selection)
    question = Question(cities, city, fov_deg, heading_deg)
    locator = Locator(run, question.graph, candidates, checkpoint=checkpoint, selection=selection)
    records = []
    for photo in [question.photo(name) for name in photos]:
        answer = locator(photo.name, photo.canvas, photo.heading_deg, photo.truth)
        records.append(record(answer, question.graph))
        if not as_json:
            for line in in_words(records[-1], len(question.graph.ends)):
                echo(line)
    if as_json:
        echo_json(records)
    if picture is not None:
        from georet_peng.picture import draw, save

        save(draw(answer, question.graph), picture)
        echo(f"wrote {picture}", err=True)


@app.command(epilog="Example:\n\ngeoret peng canvas photo.jpg panorama.png --fov 72 --heading 140")
def canvas(
    photo: Annotated[Path, typer.Argument(help="A level photo.")],
    out: Annotated[Path, typer.Argument(help="The new PNG, twice as wide as high.")],
    fov_deg: Annotated[
        float, typer.Option("--fov", min=5, max=170, help="Degrees that its width spans.")
    ],
    heading_deg: Annotated[
        float, typer.Option("--heading", help="Where it looks; north comes to the middle.")
    ] = 0.0,
    height: Annotated[int, typer.Option(min=32, max=2048, help="Height in pixels.")] = 192,
) -> None:
    """Write a photo as a panorama that is black where nothing was seen."""
    from georet.data.images import read_image
    from georet.errors import DataError
    from georet_peng.city.canvas import canvas_of, turned
    from georet_peng.picture import save

    if out.exists():
        raise DataError("is there already", where=str(out), hint="Name a new file.")
    save(turned(canvas_of(read_image(photo), fov_deg, height), -heading_deg), out)
    echo(f"wrote {out}")


@app.command(epilog="Example:\n\ngeoret peng write runs/peng data/town")
def write(
    run: RunFolder,
    folder: Annotated[Path, typer.Argument(help="The new folder.")],
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Write the city that judged a run as nodes.csv, edges.csv, streets.csv and photos.csv."""
    from georet.plugins import Selection
    from georet_peng.asking import cities_of
    from georet_peng.city.layout import write_graph

    graph = cities_of(run, Selection.of(plugins, no_plugin)).city
    write_graph(graph, folder)
    echo(f"wrote {folder}: {len(graph.nodes):,} nodes, {len(graph.ends):,} edges")


@app.command(epilog="Example:\n\ngeoret peng learn runs/peng bearings.safetensors")
def learn(
    run: RunFolder,
    out: Annotated[Path, typer.Argument(help="The new file of weights.")],
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Learn from the cities that train in which directions photos show streets.

    The re-ranker `bearings` uses it: georet eval RUN --rerank peng:bearings:weights=FILE,...
    """
    from georet.errors import DataError
    from georet.plugins import Selection
    from georet_peng.asking import cities_of
    from georet_peng.bearings.teaching import taught

    if out.exists():
        raise DataError("is there already", where=str(out), hint="Name a new file.")
    directions, num = taught(cities_of(run, Selection.of(plugins, no_plugin)))
    directions.save(out)
    echo(f"wrote {out}, learnt from {num:,} panoramas")

"""``georet gallery bench``: recall, latency and memory of each index on one gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import (
    AsJson,
    BackendName,
    GalleryEncoder,
    GalleryFolder,
    KnownQueries,
    NoPlugin,
    PluginNames,
)
from georet.plugins import Selection
from georet.progress import console, echo, echo_json, next_step

EPILOG = """Examples:

georet gallery bench area.gallery

georet gallery bench area.gallery --index sign_bits,faiss_ivf_pq --plot bench.svg

georet gallery bench area.gallery --queries flights.csv --k 5 --json
"""
_Index = Annotated[
    list[str] | None,
    typer.Option("--index", metavar="A,B", help="By default all of the plugins in use."),
]
_Queries = Annotated[
    str | None,
    typer.Option(
        metavar=KnownQueries,
        help="Photos to ask for. By default those that the encoder's run is judged by; without "
        "them, queries are made up of the gallery's own embeddings.",
    ),
]
_Plot = Annotated[
    Path | None, typer.Option(metavar="FILE.svg", help="Draw recall against latency.")
]


def bench(
    gallery: GalleryFolder,
    index: _Index = None,
    k: Annotated[int, typer.Option("--k", min=1, help="How many are looked for.")] = 10,
    queries: _Queries = None,
    num: Annotated[int, typer.Option(min=1, help="Queries at most.")] = 256,
    encoder: GalleryEncoder = None,
    backend: BackendName = "auto",
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    plot: _Plot = None,
    as_json: AsJson = False,
) -> None:
    """Measure the indexes on a gallery against its exact search.

    Each is built afresh in memory; nothing in the gallery changes.
    """
    from georet.commands.benching import bench_gallery, check_plot, lines, write_plot

    if plot is not None:
        check_plot(plot)
    found = bench_gallery(
        gallery,
        [name for names in index or () for name in names.split(",")],
        k=k,
        queries=queries,
        num=num,
        encoder=encoder,
        backend=backend,
        selection=Selection.of(plugins, no_plugin),
    )
    if plot is not None:
        write_plot(found, plot)
        echo(f"plot: {plot}", err=True)
    if as_json:
        echo_json(found.as_json())
        return

    screen = console(highlight=False, soft_wrap=True)
    for line in lines(found):
        screen.print(line, markup=False)
    next_step("locate", gallery, "PHOTO", "--index", "NAME")

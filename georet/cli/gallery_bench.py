"""``georet gallery bench``: recall, latency and memory of each index on one gallery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from rich.table import Table

    from georet.gallery.bench.measure import Bench
    from georet.plugins.catalog import Catalog

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
    from georet.facade import Gallery
    from georet.gallery.bench.measure import measure_indexes
    from georet.gallery.bench.queries import bench_queries
    from georet.plugins import load_plugins
    from georet.progress import stage

    _check_plot(plot)
    blocked, asked = no_plugin or (), [name for names in index or () for name in names.split(",")]
    also = [name.partition(":")[0] for name in asked if ":" in name]
    catalog = load_plugins(plugins, blocked=blocked, also=also).catalog
    names = _names(catalog, asked)
    opened = Gallery.open(gallery)
    with stage(None, "queries") as bar:
        embedded, about = bench_queries(
            opened,
            queries,
            num,
            encoder=encoder,
            backend=backend,
            plugins=plugins,
            blocked=blocked,
            advance=bar.advance,
        )
    makers = {name: lambda name=name: catalog.create("indexes", name) for name in names}
    with stage(len(makers) + 1, "indexes") as bar:
        found = measure_indexes(
            opened.embeddings, embedded, makers, k=k, about=about, advance=bar.advance
        )
    if plot is not None:
        _draw(found, plot)
    _print(found, as_json=as_json)


def _check_plot(path: Path | None) -> None:
    """Refuse before the work what can't be drawn after it."""
    from georet.errors import DataError, UsageError

    if path is None:
        return
    if path.suffix.lower() != ".svg":
        raise UsageError(
            "plots are SVG", where=str(path), hint=f"--plot {path.with_suffix('.svg')}"
        )
    if not path.parent.is_dir():
        raise DataError(
            "there is no such folder", where=str(path.parent), hint=f"mkdir -p {path.parent}"
        )


def _names(catalog: Catalog, asked: list[str]) -> list[str]:
    """Return the indexes to measure beside the exact one, as the catalogue names them."""
    if asked:
        for name in asked:
            catalog.find("indexes", name, where="--index").check_requirements("--index")
        return [name for name in asked if name not in ("exact", "core:exact")]
    usable = {entry.id for entry in catalog.entries("indexes") if not entry.missing}
    names = catalog.names("indexes")
    return [n for n in names if n != "exact" and catalog.find("indexes", n).id in usable]


def _draw(found: Bench, path: Path) -> None:
    from georet.files import write_atomic
    from georet.gallery.bench.measure import BATCHES
    from georet.gallery.bench.plot import plot

    write_atomic(path, plot(found, BATCHES[-1]))
    typer.echo(f"plot: {path}", err=True)


def _print(found: Bench, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print(_table(found))
    meaning = (
        f"recall: share of the exact {found.k} best; ms: a query, median and what 90 % keep; "
        "x: times faster than exact in the same round; MB: beyond the embeddings"
    )
    notes = [f"{m.name}: {m.note}" for m in found.indexes if m.note]
    for note in [f"{found.num_queries} queries, {found.queries}", meaning, *notes]:
        console.print(note, markup=False)


def _table(found: Bench) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table

    title = f"{found.num_rows:,} tiles, {found.embed_dim} dimensions"
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("index", no_wrap=True)
    batches = list(found.indexes[0].latency)
    columns = [column for batch in batches for column in (f"ms at {batch}", "x")]
    for name in ("recall", *columns, "build s", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.indexes:
        cells = [one.name, f"{one.recall:.4f}"]
        for latency in one.latency.values():
            cells += [f"{latency.p50_ms:.3f} {latency.p90_ms:.3f}", f"{latency.times_exact:.1f}"]
        size = "" if one.num_bytes is None else f"{one.num_bytes / 1e6:.1f}"
        table.add_row(*cells, f"{one.build_s:.2f}", size)
    return table

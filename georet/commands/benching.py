"""What ``georet gallery bench`` does: choose indexes and queries, measure, and tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from rich.box import SIMPLE
from rich.table import Table

from georet.contracts.searching import Index
from georet.errors import DataError, UsageError
from georet.files import write_atomic
from georet.gallery.bench.measure import BATCHES, Bench, measure_indexes
from georet.gallery.bench.plot import plot
from georet.gallery.bench.queries import bench_queries
from georet.gallery.indexes import make_index, placed_rows
from georet.gallery.stored import StoredGallery
from georet.plugins import Selection, load_plugins
from georet.plugins.catalog import Catalog
from georet.progress import stage
from georet.search import is_exact
from georet.search.served import Served
from georet.types import Bools, Floats, Ints


def bench_gallery(
    folder: Path,
    asked: Sequence[str],
    *,
    k: int,
    queries: str | None,
    num: int,
    encoder: Path | None,
    backend: str,
    selection: Selection,
) -> Bench:
    """Measure the indexes ``asked`` for (none: all that can be used) beside the exact search."""
    bare = [name.partition("?")[0] for name in asked]
    also = [name.partition(":")[0] for name in bare if ":" in name]
    catalog = load_plugins(selection, also=also).catalog
    names = _names(catalog, asked)
    gallery = StoredGallery.open(folder)
    with stage(None, "queries") as bar:
        embedded, about = bench_queries(
            gallery,
            queries,
            num,
            encoder=encoder,
            backend=backend,
            selection=selection,
            advance=bar.advance,
        )
    makers = {name: lambda name=name: _made(name, catalog, gallery) for name in names}
    with stage(len(makers) + 1, "indexes") as bar:
        return measure_indexes(
            gallery.embeddings, embedded, makers, k=k, about=about, advance=bar.advance
        )


def check_plot(path: Path) -> None:
    """Refuse before the work what can't be drawn after it."""
    if path.suffix.lower() != ".svg":
        raise UsageError(
            "plots are SVG", where=str(path), hint=f"--plot {path.with_suffix('.svg')}"
        )
    if not path.parent.is_dir():
        raise DataError(
            "there is no such folder", where=str(path.parent), hint=f"mkdir -p {path.parent}"
        )


def write_plot(found: Bench, path: Path) -> None:
    """Draw recall against latency at the largest batch."""
    write_atomic(path, plot(found, BATCHES[-1]))


def lines(found: Bench) -> list[Table | str]:
    """Return what the terminal shows: the table, and what its columns mean."""
    meaning = (
        f"recall: share of the exact {found.k} best; ms: a query, median and what 90 % keep; "
        "x: times faster than exact in the same round; MB: beyond the embeddings"
    )
    notes = [f"{m.name}: {m.note}" for m in found.indexes if m.note]
    return [_table(found), f"{found.num_queries} queries, {found.queries}", meaning, *notes]


def _names(catalog: Catalog, asked: Sequence[str]) -> list[str]:
    """Return the indexes to measure beside the exact one, as the catalogue names them."""
    if asked:
        for name in asked:
            entry = catalog.find("indexes", name.partition("?")[0], where="--index")
            entry.check_requirements("--index")
        return [name for name in asked if not is_exact(name)]
    usable = {entry.id for entry in catalog.entries("indexes") if not entry.missing}
    names = [n for n in catalog.names("indexes") if catalog.find("indexes", n).id in usable]
    # A server is measured when it is named, since only then is it known which one.
    return [n for n in names if not is_exact(n) and not isinstance(_plain(n, catalog), Served)]


class _OnServer:
    """A server's index in place of one that is built: it is told of the gallery instead."""

    def __init__(self, index: Served, gallery: StoredGallery) -> None:
        self._index, self._gallery = index, gallery

    @property
    def note(self) -> str:
        return str(getattr(self._index, "note", ""))

    def add(self, embeddings: Floats, ids: Ints) -> None:  # noqa: ARG002
        self._index.attach(placed_rows(self._gallery))

    def search(self, queries: Floats, k: int, region: Bools | None = None) -> tuple[Floats, Ints]:
        return self._index.search(queries, k, region)


def _plain(name: str, catalog: Catalog) -> Index | Served:
    return make_index(name, catalog)[0]


def _made(name: str, catalog: Catalog, gallery: StoredGallery) -> Index:
    index = _plain(name, catalog)
    return cast(Index, _OnServer(index, gallery) if isinstance(index, Served) else index)


def _table(found: Bench) -> Table:
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

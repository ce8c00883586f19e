"""Each index against exact search on a gallery of 1e5 OrbitView tiles, asked by its photos.

python benchmarks/orbitview_dense.py RUN --out dense.npz
python benchmarks/gallery_indexes.py dense.npz
OMP_NUM_THREADS=2 python benchmarks/gallery_indexes.py dense.npz --only speed
python benchmarks/gallery_indexes.py dense.npz --only tuning
python benchmarks/gallery_indexes.py dense.npz --only regions --json out.json

Speed: calls go round the indexes in turn, in one process; the factors are medians of those of each
round. With one thread (the default) seconds are the processor's, so that other processes don't
count. Overlap
is the mean share of the exact 10 best of all photos. Regions: boxes around tiles of the gallery,
and random subsets, which have nothing to do with place; also with exact scans of few allowed rows
switched off, to see what the index alone keeps.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

# Both are read when the libraries below are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", os.environ["OMP_NUM_THREADS"])

import numpy as np
import torch

from georet.contracts.searching import Index
from georet.gallery.bench.measure import Bench, measure_indexes, overlap
from georet.search.exact import ExactIndex
from georet.search.sign_bits import SignBits
from georet.types import Bools, Doubles, Floats, Ints
from georet_faiss.flat import Flat
from georet_faiss.ivf import IvfPq, IvfSq8

THREADS = os.environ["OMP_NUM_THREADS"]
K = 10
CHUNK = 16384
SHARES = (0.001, 0.01, 0.1, 0.5)
Makers = dict[str, Callable[[], Index]]
DEFAULTS: Makers = {
    "sign_bits": SignBits,
    "faiss_flat": Flat,
    "faiss_ivf_sq8": IvfSq8,
    "faiss_ivf_pq": IvfPq,
}


class Product(ExactIndex):
    """The matrix product that exact search can't avoid, a chunk at a time; finds nothing."""

    def search(
        self,
        queries: Floats,
        k: int,
        region: Bools | None = None,  # noqa: ARG002
    ) -> tuple[Floats, Ints]:
        rows, query = torch.from_numpy(self.rows.embeddings), torch.from_numpy(queries)
        out = torch.empty(len(queries) * CHUNK)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            torch.mm(query, part.T, out=out[: len(query) * len(part)].view(len(query), len(part)))
        return np.empty((0, k), np.float32), np.full((len(queries), k), -1)


def tuned() -> Makers:
    """Return each approximate index under several settings."""
    makers: Makers = {}
    for bits in (256, 512):
        for times in (20, 30, 60):
            name = f"sign_bits {bits} bits, {times} k"
            makers[name] = partial(SignBits, num_bits=bits, oversampling=times)
    for kind, times in ((IvfSq8, 3), (IvfPq, 10), (IvfPq, 20)):
        for share in (16, 11, 8, 7, 5):
            name = f"{kind.kind} 1/{share} of 632 lists, {times} k"
            makers[name] = partial(kind, nlist=632, nprobe=632 // share, oversampling=times)
    return makers


def speed(tiles: Floats, queries: Floats, makers: Makers, seconds: float) -> object:
    """Print and return the table of overlap, time and memory."""
    found = measure_indexes(
        tiles,
        queries,
        makers,
        k=K,
        seconds=seconds,
        calls=200,
        clock=time.process_time if THREADS == "1" else time.perf_counter,
    )
    print(
        f"\n{len(tiles):,} tiles x {tiles.shape[1]}, {len(queries)} photos, k = {K}, "
        f"{THREADS} threads, overlap with exact; ms a query and times faster than exact"
    )
    print_table(found)
    return found.as_json()


def print_table(found: Bench) -> None:
    print(
        f"{'index':38}{'overlap':>8}{'1: ms':>9}{'x':>7}{'32: ms':>9}{'x':>7}"
        f"{'build s':>9}{'MB':>7}"
    )
    for one in found.indexes:
        times = "".join(f"{t.p50_ms:9.3f}{t.times_exact:7.1f}" for t in one.latency.values())
        size = (one.num_bytes or 0) / 1e6
        print(f"{one.name:38}{one.recall:8.4f}{times}{one.build_s:9.2f}{size:7.1f}")


def regions_of(latlon: Doubles, share: float, num: int) -> Iterator[tuple[str, Bools]]:
    """Yield boxes around tiles, and random subsets, of a share of all tiles."""
    rng = np.random.default_rng(int(1000 * share))
    for centre in latlon[rng.integers(0, len(latlon), num)]:
        away = np.abs(latlon - centre)
        away[:, 1] = np.minimum(away[:, 1], 360 - away[:, 1]) * np.cos(np.radians(centre[0]))
        far = away.max(axis=1)
        yield "box", far <= np.quantile(far, share)
    for _ in range(num):
        yield "random", rng.random(len(latlon)) < share


def regions(tiles: Floats, queries: Floats, latlon: Doubles) -> object:
    """Print and return mean and least recall in regions of each size, and ms a query."""
    exact = added(ExactIndex(), tiles)
    alone: Makers = {
        f"{kind.kind}, never exact": partial(kind, exact_below=1)
        for kind in (SignBits, IvfSq8, IvfPq)
    }
    print(f"\n{'recall in a region: mean, least of 6; ms a query':52}", end="")
    print("".join(f"{100 * share:>16g} %" for share in SHARES))
    table: dict[str, dict[str, list[float]]] = {}
    for name, make in {**DEFAULTS, **alone}.items():
        index = added(make(), tiles)
        rows: dict[str, list[list[float]]] = {"box": [], "random": []}
        for share in SHARES:
            for kind in rows:
                rows[kind].append([])
            for kind, region in regions_of(latlon, share, 6):
                wanted = exact.search(queries, K, region)[1]
                start = time.perf_counter()
                found = index.search(queries, K, region)[1]
                took_ms = 1e3 * (time.perf_counter() - start) / len(queries)
                rows[kind][-1] += [overlap(found, wanted), took_ms]
        for kind, cells in rows.items():
            print(f"{name:40}{kind:12}", end="")
            print("".join(f"{_summary(cell):>18}" for cell in cells), flush=True)
            table[f"{name}, {kind}"] = {str(s): cell for s, cell in zip(SHARES, cells, strict=True)}
    return table


def _summary(cell: list[float]) -> str:
    shares, times = cell[::2], cell[1::2]
    return f"{np.mean(shares):.4f} {min(shares):.3f} {np.median(times):.2f}"


def added(index: Index, tiles: Floats) -> Index:
    index.add(tiles, np.arange(len(tiles)))
    return index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("embeddings", type=Path, help="what orbitview_dense.py wrote")
    parser.add_argument("--only", choices=("speed", "tuning", "regions"), help="one of the tables")
    parser.add_argument("--seconds", type=float, default=30, help="for each batch size")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there too")
    asked = parser.parse_args()
    with np.load(asked.embeddings, allow_pickle=False) as arrays:
        tiles, latlon = arrays["tiles"], arrays["tile_latlon"]
        # Photos stand in the order of their places; neighbours would share a batch.
        queries = np.random.default_rng(0).permutation(arrays["query"])
    product: Makers = {"matrix product alone": Product}
    tables: dict[str, Callable[[], object]] = {
        "speed": lambda: speed(tiles, queries, {**product, **DEFAULTS}, asked.seconds),
        "tuning": lambda: speed(tiles, queries, tuned(), asked.seconds),
        "regions": lambda: regions(tiles, queries[:200], latlon),
    }
    figures = {name: make() for name, make in tables.items() if asked.only in (None, name)}
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

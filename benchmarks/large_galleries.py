"""Galleries that don't fit into memory: opening, searching and what that reads, 1e4 to 1e6 tiles.

python benchmarks/large_galleries.py RUN --out DIR --json large.json
python benchmarks/large_galleries.py RUN --out DIR --sizes 10000 100000
OMP_NUM_THREADS=2 python benchmarks/large_galleries.py RUN --out DIR --indexes sign_bits exact

Tiles are made of the embeddings of a run's own tiles: each a real one, moved in the direction of
another, and turned into ``--dim`` dimensions by one random rotation. Each figure comes from a
process of its own. The files are dropped from the page cache before (``posix_fadvise``), seconds
begin after imports, ``read`` is what the kernel fetched from the disk for the process
(/proc/self/io, so with what it read ahead), as a share of the gallery's files without the index's
other kinds, and the peak is that of resident memory, of which mapped files can be given back.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from georet.facade import Gallery
from georet.files import write_json
from georet.gallery.files.writing import write_gallery
from georet.identity import EncoderIdentity
from georet.sessions import SessionSpec
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import Floats, Ints, Pixels

INDEXES = ("exact", "sign_bits", "faiss_ivf_pq")
QUERIES = 16
STEP = 0.01


class Given:
    """A session that embeds the number in an image's first pixels as that query."""

    max_batch: int | None = None

    def __init__(self, identity: EncoderIdentity, queries: Floats) -> None:
        self.identity, self.queries = identity, queries

    def embed(self, images: Pixels) -> Floats:
        """Return embeddings float32[B, D]; all pixels of an image hold the query's number."""
        return self.queries[np.minimum(images[:, 0, 0, 0], len(self.queries) - 1)]

    def close(self) -> None:
        """Hold nothing."""


def real_embeddings(run: Path, folder: Path) -> tuple[Floats, EncoderIdentity]:
    """Return the embeddings of a run's own tiles, and its encoder."""
    if not (folder / "gallery.json").exists():
        spec = SessionSpec(run, view="reference")
        Gallery.build(f"run:{run}", spec, folder, tiling=Tiling(), thumbnails=False, workers=0)
    gallery = Gallery.open(folder)
    return gallery.embeddings, gallery.encoder


def jittered(real: Floats, rotation: Floats, rows: Ints, seed: int) -> Floats:
    """Return unit-length float32[M, D]: real rows, moved, and turned into more dimensions."""
    rng = np.random.default_rng([seed, int(rows[0])])
    own = real[(rows * 7919) % len(real)]
    other = real[rng.integers(0, len(real), len(rows))] - real.mean(axis=0)
    raw = own + 0.35 * rng.random((len(rows), 1), np.float32) * other
    turned = raw.astype(np.float32) @ rotation
    unit: Floats = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    return unit


def table(num: int) -> TileTable:
    """Return ``num`` tiles of a kilometre in a square."""
    across = math.isqrt(num - 1) + 1
    down, right = np.divmod(np.arange(num), across)
    latlon = np.stack([60 - down * STEP, -5 + right * STEP], axis=1)
    around = np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]]) * STEP / 2
    ids = [f"tile-{row:07d}" for row in range(num)]
    return TileTable(ids, latlon, latlon[:, None] + around, np.full(num, 1000.0))


def build(args: argparse.Namespace, num: int) -> dict[str, float]:
    """Write the gallery and its queries, in this process, which does nothing else."""
    real, encoder = real_embeddings(args.run, args.out / "real")
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((args.dim, args.dim)))[0][: real.shape[1]]
    rotation = rotation.astype(np.float32)
    values = encoder.as_json() | {"embed_dim": args.dim}
    identity = EncoderIdentity.from_json(values, where="benchmark")
    queries = jittered(real, rotation, np.arange(QUERIES) * 31, seed=1)
    np.save(args.out / "queries.npy", queries)
    out, began = args.out / f"{num}.gallery", time.perf_counter()
    write_gallery(
        out,
        table(num),
        lambda rows: (jittered(real, rotation, rows, seed=0), None),
        encoder=identity,
        source={"kind": "made up"},
        storage=args.storage,
    )
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    took_s = time.perf_counter() - began
    return {"build_s": took_s, "build_peak_mb": peak_mb(), "gallery_mb": size / 1e6}


def built(args: argparse.Namespace, num: int) -> dict[str, float]:
    """Return what building the gallery took, now or when it was built."""
    said = args.out / f"{num}.built.json"
    if not said.exists():
        given = ["--dim", str(args.dim), "--storage", args.storage, "--build-only", str(num)]
        write_json(said, child(str(args.run), "--out", str(args.out), *given))
    found: dict[str, float] = json.loads(said.read_text())
    return found


def dropped(folder: Path) -> int:
    """Write the folder's files to disk, drop them from the page cache, return their bytes."""
    total = 0
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            total += path.stat().st_size
    return total


def one(folder: Path, index: str) -> dict[str, Any]:
    """Open, locate twice, and say what it took; in this process, which does nothing else."""
    import faiss  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.spatial  # noqa: F401
    import torch  # noqa: F401

    from georet.locate import Locator
    from georet.sweep import candidates, few, threads  # noqa: F401

    queries = np.load(folder.parent / "queries.npy")
    num_bytes = dropped(folder)
    before = disk_bytes()
    began, began_cpu = time.perf_counter(), time.process_time()
    gallery = Gallery.open(folder)
    opened_s = time.perf_counter() - began
    session = Given(gallery.encoder, queries)
    locator = Locator(gallery, session, index=index, with_heat=False)
    images = [np.full((8, 8, 3), number, np.uint8) for number in range(QUERIES)]
    locator.locate(images[:1])
    first_s, first_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    read = disk_bytes() - before
    began = time.perf_counter()
    found = locator.locate(images[1:2])
    next_s = time.perf_counter() - began
    return {
        "open_ms": 1e3 * opened_s,
        "first_s": first_s,
        "first_cpu_s": first_cpu_s,
        "next_ms": 1e3 * next_s,
        "read_share": read / num_bytes,
        "peak_mb": peak_mb(),
        "tile": found[0].candidates[0].id,
    }


def disk_bytes() -> int:
    """Return what the kernel read from disks for this process."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("read_bytes")))


def peak_mb() -> float:
    """Return the most memory that was resident since the process forgot what it inherited."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def make_index(folder: Path, index: str) -> dict[str, float]:
    """Build and keep an index, in this process."""
    began = time.perf_counter()
    Gallery.open(folder).index(index)
    size = sum(path.stat().st_size for path in (folder / "index").rglob("*") if path.is_file())
    return {
        "index_s": time.perf_counter() - began,
        "index_peak_mb": peak_mb(),
        "index_mb": size / 1e6,
    }


def child(*words: str) -> dict[str, Any]:
    """Return the JSON that this script prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def exponent(rows: list[dict[str, Any]], key: str) -> float:
    """Return the slope of a figure against the number of tiles, both in logarithms."""
    points = [(row["num"], row[key]) for row in rows if row.get(key, 0) > 0]
    if len(points) < 2:
        return float("nan")
    num, value = np.log(np.array(points)).T
    return float(np.polyfit(num, value, 1)[0])


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Build what is missing, measure, and return a row for each index and size."""
    rows = []
    for num in args.sizes:
        folder, build_took = args.out / f"{num}.gallery", built(args, num)
        for name in args.indexes:
            kept = args.out / f"{num}.{name}.json"
            if name != "exact" and not kept.exists():
                made = child(str(args.run), "--out", ".", "--index-only", str(folder), name)
                write_json(kept, made)
            made = json.loads(kept.read_text()) if kept.exists() else {}
            words = (str(args.run), "--out", ".", "--one", str(folder), name)
            took = min((child(*words) for _ in range(args.repeats)), key=lambda row: row["first_s"])
            rows.append({"index": name, "num": num, **build_took, **made, **took})
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, add to the file, and print exponents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--indexes", nargs="*", default=list(INDEXES))
    parser.add_argument("--repeats", type=int, default=1, help="of several, the fastest counts")
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--storage", default="fp16")
    parser.add_argument("--json", type=Path, help="rows of other sizes and indexes stay in it")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--index-only", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--build-only", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one or args.index_only or args.build_only:
        Path("/proc/self/clear_refs").write_text("5")
        if args.build_only:
            print(json.dumps(build(args, args.build_only)))
            return
        work = one if args.one else make_index
        folder, index = args.one or args.index_only
        print(json.dumps(work(Path(folder), index)))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    rows = measure(args)
    if args.json and args.json.exists():
        new = {(row["index"], row["num"]) for row in rows}
        old = json.loads(args.json.read_text())["rows"]
        rows += [row for row in old if (row["index"], row["num"]) not in new]
    rows.sort(key=lambda row: (INDEXES.index(row["index"]), row["num"]))
    keys: tuple[str, ...] = ("build_s", "index_s", "index_mb", "open_ms", "first_s")
    keys += ("first_cpu_s", "next_ms", "peak_mb")
    slopes = {}
    for name in dict.fromkeys(row["index"] for row in rows):
        own = [row for row in rows if row["index"] == name]
        slopes[name] = {key: exponent(own, key) for key in keys if key in own[0]}
        print(name, {key: round(value, 2) for key, value in slopes[name].items()})
    if args.json:
        from feeding_parts import machine

        about = {"dim": args.dim, "storage": args.storage, "machine": machine("cpu")}
        write_json(args.json, {**about, "exponents": slopes, "rows": rows})


if __name__ == "__main__":
    main()

"""Measures builds whose device takes a given time a batch: who waits for whom, before and now.

    python benchmarks/feeding.py --before 30c9e1c --json feeding.json

For a GeoTIFF, PMTiles and a folder of JPEGs, galleries are built by a stand-in for a device that
sleeps for so long as so many tiles a second take. Two decoders read, thumbnails are drawn and
shards written. `before` is the same build by the code of another commit, which is checked out for
it. A rate counts from the first batch to the last, so starting doesn't; the limit is the smaller
of what the decoders decode alone and what the device takes. Then real encoders on the CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from georet.config import RESIZE_RULE
from georet.gallery.making.build import build_gallery
from georet.identity import EncoderIdentity
from georet.plugins import UNSAID
from georet.sources.opening import open_source
from georet.tiles.table import TileSource, TileTable
from georet.tiles.tiling import Tiling
from georet.types import Floats, Ints, Pixels

ROOT = Path(__file__).parents[1]
SIZE, DIM, BATCH, TILE_PX = (384, 384), 64, 64, 512
RATES = (100, 300, 1000, 3000, 10_000)
KINDS = ("geotiff", "pmtiles", "folder")
PLUGINS = ("sample4geo", "georet.testing.plugin")
SECONDS, LEAST, MOST = 5, 512, 2048
"""A measurement has as many tiles as take so long, at least and at most so many."""
ROUNDS = 4
"""So often a real encoder is given the tiles."""


class Device:
    """A session that sleeps for as long as a device of ``rate`` tiles a second takes."""

    max_batch: int | None = None

    def __init__(self, rate: float) -> None:
        self.rate, self.marks = rate, list[tuple[float, int]]()
        self.identity = EncoderIdentity(
            "0" * 64, "reference", SIZE, DIM, RESIZE_RULE, "fp32", "no cuda"
        )

    def embed(self, images: Pixels, /) -> Floats:
        """Return the same unit vector for each image, after a while."""
        if self.rate:
            time.sleep(len(images) / self.rate)
        self.marks.append((time.monotonic(), len(images)))
        out = np.zeros((len(images), DIM), np.float32)
        out[:, 0] = 1
        return out

    def open(self) -> Device:
        """Return itself: one process, one device."""
        return self

    def close(self) -> None:
        """Do nothing."""

    @property
    def tiles_a_second(self) -> float:
        """From the end of the first whole batch to that of the last."""
        marks = [mark for mark in self.marks if mark[1] > 1]
        return sum(num for _, num in marks[1:]) / (marks[-1][0] - marks[0][0])


@dataclass(frozen=True)
class Repeated:
    """``num`` tiles: those of a source, again and again."""

    source: TileSource
    num: int

    def tiles(self) -> TileTable:
        table = self.source.tiles()
        rows = np.arange(self.num) % len(table)
        ids = [f"{table.ids[row]}-{number}" for number, row in enumerate(rows.tolist())]
        return TileTable(ids, table.latlon[rows], table.corners_latlon[rows], table.side_m[rows])

    def read(self, row: int) -> Pixels:
        return self.source.read(row % len(self.source.tiles()))

    def lanes(self, rows: Ints) -> Ints:
        lanes: Ints = self.source.lanes(rows % len(self.source.tiles()))  # type: ignore[attr-defined]
        return lanes

    def describe(self) -> dict[str, Any]:
        return {**self.source.describe(), "num": self.num}


def opened(folder: Path, kind: str) -> TileSource:
    """Open one of the sources that ``write_sources`` wrote."""
    names = {"geotiff": "area.tif", "pmtiles": "area.pmtiles", "folder": "tiles"}
    tiling = Tiling(side_m=(TILE_PX * 0.5,)) if kind == "geotiff" else Tiling()
    return open_source(str(folder / names[kind]), tiling, selection=UNSAID)


def one(arguments: argparse.Namespace) -> dict[str, Any]:
    """Build once, by whatever code is on the path, and return what was measured."""
    source = opened(arguments.folder, arguments.kind)
    if arguments.encoder is not None:
        return by_encoder(source, arguments.encoder, arguments.workers)
    num = round(min(max(arguments.rate * SECONDS, LEAST), MOST)) if arguments.rate else MOST
    device = Device(arguments.rate)
    given: dict[str, Any] = {"batch_size": BATCH, "shard_size": 512}
    given["workers"] = None if arguments.workers < 0 else arguments.workers
    took: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="georet-feeding-") as name, watched(given, took):
        build_gallery(Repeated(source, num), device, Path(name) / "g", **given)
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "tiles_a_second": device.tiles_a_second,
        "cpu_ms_a_tile": 1000 * sum(u.ru_utime + u.ru_stime for u in used) / num,
        **took,
    }


@contextmanager
def watched(given: dict[str, Any], took: dict[str, Any]) -> Iterator[None]:
    """Note how much memory a build takes and how much it says; an older georet says nothing."""
    try:
        from georet.testing.footprint import Footprint
    except ImportError:
        yield
        return
    said: list[str] = []
    given["say"] = said.append
    with Footprint(every_s=0.25) as footprint:
        yield
    took["memory_mb"] = (footprint.most_bytes - footprint.before_bytes) / 1e6
    told = [re.search(r"at most ([\d.]+) GB", line) for line in said]
    took["told_mb"] = next((1000 * float(found[1]) for found in told if found), None)


def by_encoder(source: TileSource, encoder: Path, workers: int) -> dict[str, Any]:
    """Build by a real encoder; the rate counts all from the call to its return."""
    from georet.plugins import Selection
    from georet.sessions import SessionSpec

    num = ROUNDS * len(source.tiles())
    spec = SessionSpec(encoder, "reference", selection=Selection(PLUGINS))
    given: dict[str, Any] = {"batch_size": BATCH, "shard_size": BATCH}
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="georet-feeding-") as name:
        workers_given = None if workers < 0 else workers
        build_gallery(Repeated(source, num), spec, Path(name) / "g", workers=workers_given, **given)
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "tiles_a_second": num / (time.monotonic() - began_s),
        "cpu_ms_a_tile": 1000 * sum(u.ru_utime + u.ru_stime for u in used) / num,
    }


def measured(
    tree: Path, folder: Path, kind: str, rate: float, workers: int, encoder: Path | None = None
) -> dict[str, Any]:
    """Run ``one`` in a process of its own, by the code of a tree."""
    command = [sys.executable, __file__, "--one", kind, str(rate), str(workers)]
    command += [] if encoder is None else ["--encoder", str(encoder)]
    parts = [tree, tree / "export", tree / "plugins/sample4geo"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, parts))}
    done = subprocess.run(
        [*command, "--folder", str(folder)],
        env=environment,
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compare(
    before: Path | None, folder: Path, rates: tuple[int, ...], repeats: int
) -> list[dict[str, Any]]:
    """Return a row for each source and rate; of several measurements the fastest counts.

    Others at work on the machine only slow it down, so all that is compared takes turns.
    """
    rows = []
    for kind in KINDS:
        for rate in rates:
            wanted = {"decoders alone": (ROOT, 0, 2)}
            wanted |= {f"workers {workers}": (ROOT, rate, workers) for workers in (1, 2, 4)}
            if before is not None:
                wanted["before"] = (before, rate, -1)
            turns = [
                {name: measured(tree, folder, kind, r, w) for name, (tree, r, w) in wanted.items()}
                for _ in range(repeats)
            ]
            best = {name: max(turn[name]["tiles_a_second"] for turn in turns) for name in wanted}
            limit = min(rate, best["decoders alone"])
            now = best["workers 2"]
            row = {"source": kind, "device": rate, "limit": limit, "of the limit": now / limit}
            row |= {"best": best, "turns": turns, "repeats": repeats}
            rows.append(row)
            rounded = {name: round(value) for name, value in best.items()}
            print(f"{kind} {rate}/s: {now / limit:.2f} of {limit:.0f}; {rounded}", flush=True)
    return rows


def compare_encoders(
    before: Path | None, folder: Path, encoders: list[Path], repeats: int
) -> list[dict[str, Any]]:
    """Return a row for each real encoder on the CPU, as builds are by default."""
    rows = []
    for encoder in encoders:
        wanted = {"now": (ROOT, -1), "2 decoders": (ROOT, 2)}
        wanted |= {} if before is None else {"before": (before, -1)}
        turns = [
            {n: measured(tree, folder, "folder", 0, w, encoder) for n, (tree, w) in wanted.items()}
            for _ in range(repeats)
        ]
        best = {n: max(turn[n]["tiles_a_second"] for turn in turns) for n in wanted}
        cpu = {n: min(turn[n]["cpu_ms_a_tile"] for turn in turns) for n in wanted}
        rows.append({"encoder": encoder.name, "best": best, "cpu_ms_a_tile": cpu, "turns": turns})
        print(encoder.name, best, cpu, flush=True)
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", metavar="COMMIT", help="compare with the code of this commit")
    parser.add_argument("--rates", type=int, nargs="*", default=list(RATES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="rows of other rates and encoders stay in it")
    parser.add_argument("--encoders", type=Path, nargs="*", default=[], metavar="RUN|ARTEFACT")
    parser.add_argument("--encoder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        arguments.kind, arguments.rate = arguments.one[0], float(arguments.one[1])
        arguments.workers = int(arguments.one[2])
        print(json.dumps(one(arguments)))
        return
    with tempfile.TemporaryDirectory(prefix="georet-feeding-") as name:
        folder, before = Path(name) / "sources", None
        folder.mkdir()
        from feeding_parts import write_sources

        write_sources(folder, TILE_PX)
        if arguments.before:
            before = Path(name) / "before"
            packed = subprocess.run(
                ["git", "archive", arguments.before], cwd=ROOT, check=True, capture_output=True
            )
            before.mkdir()
            subprocess.run(["tar", "-x", "-C", str(before)], input=packed.stdout, check=True)
        rows = compare(before, folder, tuple(arguments.rates), arguments.repeats)
        if arguments.encoders:
            rows += compare_encoders(before, folder, arguments.encoders, arguments.repeats)
    if arguments.json:
        from feeding_parts import machine

        new = {_key(row) for row in rows}
        if arguments.json.exists():
            old = json.loads(arguments.json.read_text())["rows"]
            rows += [row for row in old if _key(row) not in new]
        rows.sort(key=_key)
        found = {"before": arguments.before, "machine": machine("cpu"), "rows": rows}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


def _key(row: dict[str, Any]) -> tuple[str, float]:
    """Return what tells rows apart: those measured later take the place of older ones."""
    return row.get("source") or f"~{row['encoder']}", row.get("device", 0)


if __name__ == "__main__":
    main()

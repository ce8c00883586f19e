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
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from georet.config import RESIZE_RULE
from georet.data.images import read_image
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
SECONDS, LEAST, MOST = 5, 512, 4096
"""A measurement has as many tiles as take so long, at least and at most so many."""


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


def write_sources(folder: Path) -> None:
    """Write the same ground as GeoTIFF (JPEG, blocks of 512), PMTiles and a folder of JPEGs."""
    import rasterio
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer
    from rasterio.transform import from_origin

    from georet.testing.textured import write_folder

    across = 12
    tiles = write_folder(folder / "tiles", across * across, TILE_PX)
    paths = sorted(tiles.glob("*/*/*.jpg"), key=lambda p: (int(p.stem), int(p.parts[-2])))
    with (folder / "area.pmtiles").open("wb") as stream:
        writer: Any = Writer(stream)  # type: ignore[no-untyped-call]
        for path in sorted(paths, key=lambda p: zxy_to_tileid(17, int(p.parts[-2]), int(p.stem))):
            number = zxy_to_tileid(17, int(path.parts[-2]), int(path.stem))
            writer.write_tile(number, path.read_bytes())
        header = {"tile_type": TileType.JPEG, "tile_compression": Compression.NONE}
        bounds = {"min_lon_e7": 0, "min_lat_e7": 0, "max_lon_e7": 1, "max_lat_e7": 1}
        writer.finalize({**header, **bounds}, {})
    ground = [read_image(path) for path in paths]
    rows = [np.hstack(ground[first : first + across]) for first in range(0, len(ground), across)]
    pixels = np.vstack(rows).transpose(2, 0, 1)
    # Off the blocks' edges, as windows of another raster would be.
    pixels = np.roll(pixels, (100, 60), axis=(1, 2))
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": "EPSG:32632"}
    packed = {"compress": "JPEG", "photometric": "YCBCR", "jpeg_quality": 85, "tiled": True}
    shape = {"height": pixels.shape[1], "width": pixels.shape[2]}
    blocks = {"blockxsize": 512, "blockysize": 512}
    place = from_origin(5e5, 5.3e6, 0.5, 0.5)
    path = folder / "area.tif"
    with rasterio.open(path, "w", transform=place, **profile, **packed, **shape, **blocks) as out:
        out.write(pixels)


def one(arguments: argparse.Namespace) -> dict[str, Any]:
    """Build once, by whatever code is on the path, and return what was measured."""
    source = opened(arguments.folder, arguments.kind)
    num = round(min(max(arguments.rate * SECONDS, LEAST), MOST)) if arguments.rate else 1024
    device = Device(arguments.rate)
    given: dict[str, Any] = {"batch_size": BATCH, "shard_size": 512}
    given["workers"] = None if arguments.workers < 0 else arguments.workers
    with tempfile.TemporaryDirectory(prefix="georet-feeding-") as name:
        build_gallery(Repeated(source, num), device, Path(name) / "g", **given)
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "tiles_a_second": device.tiles_a_second,
        "cpu_ms_a_tile": 1000 * sum(u.ru_utime + u.ru_stime for u in used) / num,
        "peak_mb": used[0].ru_maxrss / 1000,
        "decoder_peak_mb": used[1].ru_maxrss / 1000,
    }


def measured(tree: Path, folder: Path, kind: str, rate: float, workers: int) -> dict[str, Any]:
    """Run ``one`` in a process of its own, by the code of a tree."""
    command = [sys.executable, __file__, "--one", kind, str(rate), str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
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
    """Print a table, a row for each source and rate; of several measurements the fastest counts.

    Others at work on the machine only slow it down, so all that is compared takes turns.
    """
    print("| source | device | limit | before | now, 1 decoder | 2 decoders | of the limit | 4 |")
    print("|---|---|---|---|---|---|---|---|")
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
            row |= {"best": best, "turns": turns}
            rows.append(row)
            old = f"{best['before']:.0f}" if before is not None else "-"
            print(
                f"| {kind} | {rate:,}/s | {limit:.0f} | {old} | {best['workers 1']:.0f} "
                f"| {now:.0f} | {now / limit:.2f} | {best['workers 4']:.0f} |",
                flush=True,
            )
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", metavar="COMMIT", help="compare with the code of this commit")
    parser.add_argument("--rates", type=int, nargs="*", default=list(RATES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
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
        write_sources(folder)
        if arguments.before:
            before = Path(name) / "before"
            packed = subprocess.run(
                ["git", "archive", arguments.before], cwd=ROOT, check=True, capture_output=True
            )
            before.mkdir()
            subprocess.run(["tar", "-x", "-C", str(before)], input=packed.stdout, check=True)
        rows = compare(before, folder, tuple(arguments.rates), arguments.repeats)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()

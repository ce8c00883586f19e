"""How fast OrbitView is generated: tiles and photos per second, and the whole set with ``--full``.

python benchmarks/orbitview_render.py
python benchmarks/orbitview_render.py --full
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from georet_orbitview.cache import Part
from georet_orbitview.dataset import OrbitView
from georet_orbitview.world import TILE_SOURCE, World


def parts_of(world: World, num_renders: int) -> list[Part]:
    tiles = [world.tile_part(track) for track in TILE_SOURCE]
    return tiles + [world.photo_part(render) for render in range(num_renders)]


def measure_single(world: World, num: int) -> None:
    """Print wall and CPU time of images made one after the other in one thread."""
    cv2.setNumThreads(1)
    rows = np.linspace(0, len(world.ids) - 1, num).astype(int).tolist()
    for part in parts_of(world, 1):
        make = part.prepare()
        make(0)
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for row in rows:
            make(row)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        name = part.folder.name
        print(f"{name:24} {num / wall_s:8.0f} images/s {1000 * cpu_s / num:8.2f} ms CPU each")


def measure_full(num_renders: int, workers: int) -> None:
    """Print the time in which each folder of the full set is generated."""
    total_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for part in parts_of(World(Path(folder)), num_renders):
            begin_s = time.perf_counter()
            part.ensure(workers)
            took_s = time.perf_counter() - begin_s
            total_s += took_s
            num_bytes = sum(path.stat().st_size for path in part.folder.iterdir())
            rate = f"{len(part.names) / took_s:8.0f} images/s"
            print(f"{part.folder.name:24} {rate} {took_s:8.1f} s {num_bytes / 1e6:8.1f} MB")
    print(f"{'all':24} {total_s:28.1f} s with {workers} workers")


def print_counts() -> None:
    for region in ("americas", "africa"):
        places = OrbitView(region=region).places
        print(
            f"without {region}: {len(places.train)} training, {len(places.same_area)} same-area, "
            f"{len(places.held_out)} held-out places, {len(places.margin)} dropped as margin"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=500, help="images of each kind")
    parser.add_argument(
        "--full", action="store_true", help="also generate everything, for the time"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print_counts()
    measure_single(World(Path()), options.num)
    if options.full:
        measure_full(3, options.workers)


if __name__ == "__main__":
    main()

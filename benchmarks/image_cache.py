"""What `data.cache` saves: loading JPEGs for the first time, again, and without it.

    python benchmarks/image_cache.py [--out FILE.json]

300 JPEGs of 1024 x 512 (textured, quality 90), read by one process and one thread to the sizes
given, CPU seconds and wall time; then the same by four processes at once on an empty cache.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from georet.config import SMOOTH_RULE
from georet.data.images import read_image
from georet.data.pixels import PixelStore, store_of
from georet.data.resizing import FAST
from georet.progress import echo
from loading import textured

NUM, SOURCE = 300, (512, 1024)
SIZES = ((384, 768), (140, 768), (128, 256))


def main() -> None:
    """Print a table, and write it where it is wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder))
        rows = [
            measured(Path(folder), paths, size, rule)
            for size in SIZES
            for rule in (SMOOTH_RULE, SMOOTH_RULE + FAST)
        ]
    echo("| to | rule | without | first epoch | second | second / first | of 4 processes wrong |")
    echo("|---|---|---:|---:|---:|---:|---:|")
    for row in rows:
        rates = f"{row['without']:.0f} | {row['first']:.0f} | {row['second']:.0f}"
        gain = row["second"] / row["first"]
        echo(f"| {row['size']} | {row['rule']} | {rates} | {gain:.1f} | {row['num_wrong']} |")
    if args.out:
        about = {"unit": "images a CPU second", "num": NUM, "source": list(SOURCE), "rows": rows}
        args.out.write_text(json.dumps(about, indent=2) + "\n")


def written(folder: Path) -> list[Path]:
    """Write the images and return their paths."""
    rng, paths = np.random.default_rng(0), [folder / f"{i}.jpg" for i in range(NUM)]
    several = [textured(rng, *SOURCE) for _ in range(10)]
    for i, path in enumerate(paths):
        rolled = np.roll(several[i % 10], 31 * i, axis=1)
        cv2.imwrite(str(path), rolled, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths


def measured(folder: Path, paths: list[Path], size: tuple[int, int], rule: str) -> dict[str, Any]:
    """Return images a CPU second without the cache, and in two epochs with it."""
    store = store_of(str(folder / "one"), paths, size, rule, 10**8)
    rates: dict[str, Any] = {"size": f"{size[1]} x {size[0]}", "rule": rule}
    for path in paths[:5]:
        read_image(path, size=size, rule=rule)
    for name in ("without", "first", "second"):
        started = time.process_time()
        for path in paths:
            if name == "without":
                read_image(path, size=size, rule=rule)
            else:
                store.read(path)
        rates[name] = len(paths) / (time.process_time() - started)
    shared = store_of(str(folder / "four"), paths, size, rule, 10**8)
    processes = [multiprocessing.Process(target=read_all, args=(shared, paths)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    rates["num_wrong"] = sum(
        not np.array_equal(shared.read(path), store.read(path)) for path in paths
    ) + sum(process.exitcode != 0 for process in processes)
    return rates


def read_all(store: PixelStore, paths: list[Path]) -> None:
    """Read all images, each process from the same end, so that they meet."""
    for path in paths:
        store.read(path)


if __name__ == "__main__":
    main()

"""Kills a gallery build again and again, and compares what comes out with an undisturbed one.

    python benchmarks/gallery_kills.py

Each kill is a SIGKILL to a process of its own, at a random moment after it finished another shard;
then the build is started again. At last two processes build the same gallery at once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from georet.facade import Gallery
from georet.gallery.files.journal import entries
from georet.gallery.making.build import build_gallery
from georet.gallery.verify import verify_gallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec

NUM_TILES, SHARD_SIZE, BATCH = 20_000, 500, 64


def build(out: Path) -> None:
    """Build 40 shards of 500 tiles."""
    source = DrawnTiles(NUM_TILES, across=300, size=(20, 20))
    build_gallery(source, PixelSpec(), out, shard_size=SHARD_SIZE, batch_size=BATCH)


def start(out: Path) -> subprocess.Popen[bytes]:
    """Start a process that builds."""
    return subprocess.Popen([sys.executable, __file__, "--build", str(out)])


def num_noted(out: Path) -> int:
    """Return the number of shards in the journal."""
    return len({entry.shard for entry in entries(out)})


def kill_often(
    out: Path, num_kills: int, shard_s: float, rng: np.random.Generator
) -> dict[str, int]:
    """Kill builds of ``out``, then let one finish; return what the kills left behind.

    ``shard_s`` is what a shard takes: a kill comes before the next one is done, mostly, so that
    the shards last for all kills.
    """
    left = {"kills": 0, "shards before the last start": 0, "temporary files": 0, "claims": 0}
    for _ in range(num_kills):
        before, process = num_noted(out), start(out)
        while process.poll() is None and num_noted(out) == before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.8 * shard_s))
        process.kill()
        left["kills"] += process.wait() != 0
        left["temporary files"] += len(list(out.rglob(".*.tmp")))
        left["claims"] += len(list(out.rglob("*.claim")))
    left["shards before the last start"] = num_noted(out)
    if start(out).wait():
        raise SystemExit("the last build failed")
    return left


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def describe(name: str, out: Path, quiet: Path) -> None:
    """Print rows, unique ids and the comparison with the undisturbed gallery."""
    gallery = Gallery.open(out)
    is_same = contents(out) == contents(quiet)
    print(
        f"{name}:\n  {len(gallery.embeddings):,} rows, {len(set(gallery.tiles.ids)):,} unique, "
        f"{len(gallery.manifest['shards'])} shards, {len(verify_gallery(out).faults)} faults, "
        f"bytes equal to the undisturbed build: {is_same}"
    )


def main() -> None:
    """Build undisturbed, with kills, and twice at once, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.build:
        build(arguments.build)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began_s = time.monotonic()
        build(folder / "quiet")
        took_s = time.monotonic() - began_s
        print(f"undisturbed: {took_s:.0f} s")
        rng = np.random.default_rng(arguments.seed)
        shard_s = took_s * SHARD_SIZE / NUM_TILES
        left = kill_often(folder / "killed", arguments.kills, shard_s, rng)
        print(", ".join(f"{what}: {num}" for what, num in left.items()))
        describe("killed", folder / "killed", folder / "quiet")
        both = [start(folder / "twice") for _ in range(2)]
        codes = [process.wait() for process in both]
        describe(f"two at once (exit codes {codes})", folder / "twice", folder / "quiet")


if __name__ == "__main__":
    main()

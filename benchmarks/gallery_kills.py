"""Kills a gallery build again and again, and compares what comes out with an undisturbed one.

    python benchmarks/gallery_kills.py

The build has two processes that embed, each with two decoders. Each kill is a SIGKILL to one of
its processes, chosen at random: a decoder, one that embeds, or the parent; at a random moment after
another shard was finished. A build that ends, because its parent was killed or because it gave up,
is started again. At last two processes build the same gallery at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
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
    source = DrawnTiles(NUM_TILES, across=300, size=(20, 20), wait_s=0.002)
    build_gallery(
        source,
        PixelSpec(),
        out,
        shard_size=SHARD_SIZE,
        batch_size=BATCH,
        workers=4,
        devices=("cpu", "cpu"),
    )


def start(out: Path) -> subprocess.Popen[bytes]:
    """Start a process that builds."""
    command = [sys.executable, __file__, "--build", str(out)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def num_noted(out: Path) -> int:
    """Return the number of shards in the journal."""
    return len({entry.shard for entry in entries(out)})


def children(pid: int) -> list[int]:
    """Return the processes that a process has spawned to work for it."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if b"spawn_main" in _command(child)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def victim(parent: int, rng: np.random.Generator) -> tuple[str, int]:
    """Return a process of the build, and what it is."""
    devices = children(parent)
    decoders = [decoder for device in devices for decoder in children(device)]
    kinds = {"decoder": decoders, "device process": devices, "parent": [parent]}
    kind = str(rng.choice([name for name, pids in kinds.items() if pids]))
    return kind, int(rng.choice(kinds[kind]))


def kill_often(
    out: Path, num_kills: int, shard_s: float, rng: np.random.Generator
) -> dict[str, int]:
    """Kill processes of builds of ``out``, then let one finish; return what was killed and left.

    ``shard_s`` is what a shard takes: a kill comes before the next one is done, mostly, so that
    the shards last for all kills.
    """
    killed = {"decoder": 0, "device process": 0, "parent": 0}
    left = {"starts": 1, "temporary files": 0, "claims": 0}
    process = start(out)
    while sum(killed.values()) < num_kills:
        before = num_noted(out)
        while process.poll() is None and num_noted(out) == before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.8 * shard_s))
        if process.poll() is None:
            kind, pid = victim(process.pid, rng)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed[kind] += 1
            if kind == "parent":
                process.wait()
                left["temporary files"] += len(list(out.rglob(".*.tmp")))
                left["claims"] += len(list(out.rglob("*.claim")))
        elif (out / "gallery.json").is_file():
            raise SystemExit(f"the gallery was finished after {sum(killed.values())} kills")
        if process.poll() is not None:
            process, left["starts"] = start(out), left["starts"] + 1
    left["shards after the last kill"] = num_noted(out)
    while process.wait():
        process, left["starts"] = start(out), left["starts"] + 1
    return killed | left


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

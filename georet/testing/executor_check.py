"""The check for executors."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from georet.contracts.making import Executor
from georet.gallery.files.journal import JOURNAL, entries
from georet.gallery.making.build import build_gallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet.testing.expect import expect

_OPTIONS: dict[str, Any] = {"shard_size": 6, "batch_size": 4, "bad_tile_quota": 0.1}


def check_executor(executor: Executor, *, num_tiles: int = 60) -> None:
    """Raise AssertionError unless galleries that ``executor`` has made are those made locally.

    Checked on drawn tiles, of which one can't be read: all bytes are the same; a build of which
    half is there already is finished and that half left alone; a shard whose file was damaged is
    made again. For an executor that makes shards before ``run`` returns.
    """
    source = DrawnTiles(num_tiles, bad=(7,))
    with tempfile.TemporaryDirectory(prefix="georet-executor-") as name:
        folder = Path(name)
        quiet, other = folder / "local", folder / "executor"
        build_gallery(source, PixelSpec(), quiet, **_OPTIONS)
        build_gallery(source, PixelSpec(), other, executor=executor, **_OPTIONS)
        _check_same(quiet, other, "The gallery")
        _check_half(source, executor, quiet, folder / "half")


def _check_half(source: DrawnTiles, executor: Executor, quiet: Path, half: Path) -> None:
    """Begin a build by hand, damage a shard of it, and let the executor go on."""
    build_gallery(source, PixelSpec(), half, shard=(1, 2), **_OPTIONS)
    noted = [entry.shard for entry in entries(half)]
    expect(len(noted) > 1, f"{half / JOURNAL} lists {len(noted)} shards", "")
    first, second = (half / f"shards/part-{shard:05d}.parquet" for shard in noted[:2])
    second.write_bytes(second.read_bytes()[:-7])
    before = first.stat().st_mtime_ns
    build_gallery(source, PixelSpec(), half, executor=executor, **_OPTIONS)
    expect(
        first.stat().st_mtime_ns == before,
        "a shard that was done is made again",
        "Make those that `finish` asks for, and no others",
    )
    _check_same(quiet, half, "A gallery begun by another call")


def _check_same(quiet: Path, other: Path, what: str) -> None:
    expect(
        (other / "gallery.json").is_file(),
        f"{what} is not sealed",
        "Call opened.finish(make); it seals when no shard is missing",
    )
    files = {path.relative_to(quiet) for path in quiet.rglob("*") if path.is_file()}
    found = {path.relative_to(other) for path in other.rglob("*") if path.is_file()}
    expect(files == found, f"{what} has other files: {sorted(map(str, files ^ found))}", "")
    pairs = {str(file): (quiet / file, other / file) for file in sorted(files)}
    different = [name for name, (a, b) in pairs.items() if a.read_bytes() != b.read_bytes()]
    expect(not different, f"{what} has other bytes in {', '.join(different[:4])}", "")

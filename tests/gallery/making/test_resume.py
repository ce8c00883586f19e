"""Builds that are killed, stopped, doubled or damaged end with the gallery of a quiet build."""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.errors import DataError, Interrupted
from georet.facade import Gallery
from georet.gallery.files import claims
from georet.gallery.files.journal import JOURNAL, append, entries
from georet.gallery.making.build import build_gallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec

SOURCE = DrawnTiles(200, wait_s=0.001)


SETTINGS = {"shard_size": 5, "batch_size": 2}


DRIVER = """
import sys
from pathlib import Path
from types import ModuleType
from georet.gallery.making.build import build_gallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec

if __name__ == "__main__":
    build_gallery(
        DrawnTiles(200, wait_s=0.001), PixelSpec(), Path(sys.argv[1]),
        shard_size=5, batch_size=2, workers=int(sys.argv[2]),
        devices=tuple(sys.argv[3:]) or None,
    )
"""


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a gallery of 40 shards, built undisturbed."""
    return build_gallery(SOURCE, PixelSpec(), tmp_path_factory.mktemp("quiet") / "a", **SETTINGS)


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    path = tmp_path / "driver.py"
    path.write_text(DRIVER)
    return path


def start(driver: Path, out: Path, workers: int = 0, *devices: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(driver), str(out), str(workers), *devices]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def num_noted(out: Path) -> int:
    return len({entry.shard for entry in entries(out)})


@pytest.fixture(scope="module")
def forked() -> Any:
    """Return what starts processes in milliseconds, so that many can be killed."""
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["georet.gallery.making.build", "pyarrow.parquet", "__main__"])
    return context


def test_thirty_kills_over_forty_shards_leave_no_trace(
    quiet: Path, forked: Any, tmp_path: Path
) -> None:
    out, rng = tmp_path / "g", np.random.default_rng(0)
    # Slow enough that a kill comes within the next shard, so that 40 last for 30 of them.
    slow = replace(SOURCE, wait_s=0.004)
    arguments = {"target": build_gallery, "args": (slow, PixelSpec(), out), "kwargs": SETTINGS}
    num_killed = 0
    for _ in range(30):
        process = forked.Process(**arguments)
        process.start()
        before = num_noted(out)
        # On a busy machine several shards are written until the kill comes; then some rounds are
        # killed before they write any.
        is_ahead = before > num_killed + 5
        while process.is_alive() and num_noted(out) == before and not is_ahead:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.01))
        process.kill()
        process.join()
        num_killed += process.exitcode == -signal.SIGKILL
    assert num_killed == 30
    assert not (out / "gallery.json").exists()
    process = forked.Process(**arguments)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert contents(out) == contents(quiet)
    gallery = Gallery.open(out)
    assert len(set(gallery.tiles.ids)) == len(gallery.embeddings) == 200


def test_two_builds_at_once_give_one_result_of_each_shard(
    quiet: Path, driver: Path, tmp_path: Path
) -> None:
    out = tmp_path / "g"
    both = [start(driver, out), start(driver, out)]
    for process in both:
        errors = process.communicate()[1].decode()
        assert process.returncode == 0, errors
    assert contents(out) == contents(quiet)


@pytest.mark.parametrize("workers", [(0,), (2,), (0, "cpu", "cpu"), (2, "cpu", "cpu")])
def test_sigterm_ends_with_75_and_the_next_call_goes_on(
    workers: tuple[Any, ...], quiet: Path, driver: Path, tmp_path: Path
) -> None:
    process = start(driver, tmp_path / "g", *workers)
    while num_noted(tmp_path / "g") < 3:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate()[1].decode()
    assert "stopped by SIGTERM" in errors
    assert Interrupted.exit_code == 75
    assert not [c for c in (tmp_path / "g/shards").glob("*.claim") if claims.is_held(c)]
    build_gallery(SOURCE, PixelSpec(), tmp_path / "g", **SETTINGS)
    assert contents(tmp_path / "g") == contents(quiet)


def half(quiet: Path, out: Path) -> Path:
    """Return a build of which the first half of the shards is done."""
    out.joinpath("shards").mkdir(parents=True)
    for name in ("plan.parquet", "build.json"):
        (out / name).write_bytes((quiet / name).read_bytes())
    for entry in list(entries(quiet))[:20]:
        name = f"shards/part-{entry.shard:05d}.parquet"
        (out / name).write_bytes((quiet / name).read_bytes())
        append(out, entry)
    return out


def test_a_torn_last_line_of_the_journal_costs_its_shard_alone(quiet: Path, tmp_path: Path) -> None:
    out = half(quiet, tmp_path / "g")
    whole = (out / JOURNAL).read_bytes()
    (out / JOURNAL).write_bytes(whole[:-30])
    assert num_noted(out) == 19
    stays, redone = out / "shards/part-00018.parquet", out / "shards/part-00019.parquet"
    before = stays.stat().st_mtime_ns, redone.stat().st_mtime_ns
    build_gallery(SOURCE, PixelSpec(), out, **SETTINGS)
    assert stays.stat().st_mtime_ns == before[0]
    assert redone.stat().st_mtime_ns > before[1]
    assert contents(out) == contents(quiet)


@pytest.mark.parametrize("harm", ["delete", "flip", "truncate"])
def test_a_noted_shard_that_is_gone_or_damaged_is_made_again(
    harm: str, quiet: Path, tmp_path: Path
) -> None:
    out = half(quiet, tmp_path / "g")
    path = out / "shards/part-00007.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(content if harm == "flip" else content[:-50])
    build_gallery(SOURCE, PixelSpec(), out, **SETTINGS)
    assert contents(out) == contents(quiet)


def test_orphans_are_swept(quiet: Path, tmp_path: Path) -> None:
    out = half(quiet, tmp_path / "g")
    (out / "shards/part-00030.parquet").write_bytes(b"renamed, but not yet noted")
    (out / "shards/part-00099.parquet").write_bytes(b"of another plan")
    (out / "shards/.part-00031.parquet.999999.tmp").write_bytes(b"half")
    (out / ".gallery.json.999999.tmp").write_bytes(b"half")
    build_gallery(SOURCE, PixelSpec(), out, **SETTINGS)
    assert contents(out) == contents(quiet)


def test_a_claim_of_a_dead_process_is_taken_over(quiet: Path, tmp_path: Path) -> None:
    out = half(quiet, tmp_path / "g")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    claim = out / "shards/part-00030.parquet.claim"
    holder = {"host": claims.socket.gethostname(), "pid": dead.pid, "born": "1"}
    claim.write_text(json.dumps(holder))
    build_gallery(SOURCE, PixelSpec(), out, **SETTINGS)
    assert contents(out) == contents(quiet)


def test_a_shard_that_another_process_is_at_is_waited_for(quiet: Path, tmp_path: Path) -> None:
    out = half(quiet, tmp_path / "g")
    claim = out / "shards/part-00030.parquet.claim"
    assert claims.try_claim(claim)
    builder = threading.Thread(
        target=build_gallery, args=(SOURCE, PixelSpec(), out), kwargs=SETTINGS
    )
    builder.start()
    while num_noted(out) < 39:
        time.sleep(0.01)
    time.sleep(0.3)
    assert builder.is_alive()
    assert not (out / "shards/part-00030.parquet").exists()
    claims.release(claim)
    builder.join(20)
    assert contents(out) == contents(quiet)


def test_a_full_disk_is_named_and_the_build_goes_on_later(
    quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if "part-00012" in path.name:
            raise OSError(28, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(DataError, match=r"part-00012\.parquet.*No space left on device"):
            build_gallery(SOURCE, PixelSpec(), tmp_path / "g", **SETTINGS)
    assert num_noted(tmp_path / "g") == 12
    assert list((tmp_path / "g/shards").glob(".*")) == []
    build_gallery(SOURCE, PixelSpec(), tmp_path / "g", **SETTINGS)
    assert contents(tmp_path / "g") == contents(quiet)

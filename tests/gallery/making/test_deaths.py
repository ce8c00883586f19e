"""Decoders and device processes that die or hang are named, and what they were at is made again."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from georet.errors import DataError
from georet.feeding import feeder
from georet.gallery.files.journal import entries
from georet.gallery.making import pool
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


def test_a_killed_decoder_is_named_and_another_goes_on(
    quiet: Path, driver: Path, tmp_path: Path
) -> None:
    process = start(driver, tmp_path / "g", 2)
    while num_noted(tmp_path / "g") < 3:
        time.sleep(0.002)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    decoders = [
        int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()
    ]
    os.kill(decoders[0], signal.SIGKILL)
    errors = process.communicate()[1].decode()
    assert process.returncode == 0, errors
    assert f"(pid {decoders[0]}) was killed by SIGKILL" in errors
    assert contents(tmp_path / "g") == contents(quiet)


@pytest.mark.parametrize("decoders", [0, 2])
def test_a_killed_device_process_is_named_and_its_shard_made_again(
    decoders: int, quiet: Path, driver: Path, tmp_path: Path
) -> None:
    process = start(driver, tmp_path / "g", decoders, "cpu", "cpu")
    worker = None
    while worker is None and process.poll() is None:
        for path in (tmp_path / "g/shards").glob("*.claim"):
            text = path.read_text() if path.exists() else ""
            worker = json.loads(text)["pid"] if text else None
        time.sleep(0.002)
    os.kill(worker, signal.SIGKILL)
    errors = process.communicate()[1].decode()
    assert process.returncode == 0, errors
    assert f"(pid {worker}) was killed by SIGKILL at shards/part-" in errors
    assert contents(tmp_path / "g") == contents(quiet)


TROUBLE = """
import os, signal, time

from georet.testing.drawn_tiles import DrawnTiles


class Deadly(DrawnTiles):
    def read(self, row):
        if row == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(row)


class Hanging(DrawnTiles):
    def read(self, row):
        if row == 7:
            time.sleep(1000)
        return super().read(row)
"""


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module of sources that trouble whoever reads tile 7; worker processes find it."""
    (tmp_path / "trouble_with_tiles.py").write_text(TROUBLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "trouble_with_tiles", raising=False)
    return importlib.import_module("trouble_with_tiles")


def test_a_tile_that_kills_two_decoders_is_an_error(trouble: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at tile tile-00007, for the second time") as caught:
        build_gallery(trouble.Deadly(20), PixelSpec(), tmp_path / "g", workers=1, **SETTINGS)
    assert "Memory may have run out" in str(caught.value)


def test_a_shard_that_kills_two_device_processes_is_an_error(
    trouble: ModuleType, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"devices": ("cpu", "cpu"), **SETTINGS}
    with pytest.raises(DataError, match=r"part-00001\.parquet .* for the second time"):
        build_gallery(trouble.Deadly(20), PixelSpec(), tmp_path / "g", **given)


def test_a_decoder_that_hangs_is_killed_and_named(
    trouble: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "TIMEOUT_S", 3.0)
    with pytest.raises(DataError, match="spent more than 3 s at tile tile-00007, for the second"):
        build_gallery(trouble.Hanging(10), PixelSpec(), tmp_path / "g", workers=2, **SETTINGS)


def test_a_device_process_that_hangs_is_killed_and_named(
    trouble: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SILENCE_S", 3.0)
    given: dict[str, Any] = {"devices": ("cpu", "cpu"), **SETTINGS}
    with pytest.raises(DataError, match=r"gave no sign for 3 s at .* for the second time"):
        build_gallery(trouble.Hanging(10), PixelSpec(), tmp_path / "g", **given)

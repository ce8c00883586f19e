from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from georet.errors import DataError, IntegrityError
from georet_orbitview.cache import Part

SLOW_SCRIPT = """
import sys, time
from pathlib import Path
from georet_orbitview.cache import Part

folder, log, pause = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

def prepare():
    with log.open("a") as stream:
        stream.write("prepared\\n")
    def make(row):
        time.sleep(pause)
        return bytes([row])
    return make

Part(folder, [f"{row}.jpg" for row in range(20)], prepare, {}).ensure(2)
"""


def small_part(folder: Path) -> Part:
    return Part(folder, [f"{row}.jpg" for row in range(20)], lambda: lambda row: bytes([row]), {})


@pytest.fixture
def part(tmp_path: Path) -> Part:
    part = small_part(tmp_path / "photos")
    part.ensure()
    return part


def start(tmp_path: Path, pause: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SLOW_SCRIPT, tmp_path / "photos", tmp_path / "log", str(pause)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(command, env=environment)


def test_a_manifest_vouches_for_each_image(part: Part) -> None:
    manifest = json.loads((part.folder / "manifest.json").read_text())
    assert manifest["count"] == 20
    assert list(manifest["files"]) == list(part.names)
    part.verify()


def test_a_missing_image_is_named_with_what_to_do(part: Part) -> None:
    (part.folder / "7.jpg").unlink()
    with pytest.raises(DataError, match=r"7\.jpg.*missing(.|\n)*Delete the folder"):
        part.ensure()


def test_a_truncated_image_is_named(part: Part) -> None:
    (part.folder / "3.jpg").write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"3\.jpg: has 0 bytes, 1 were written"):
        part.ensure()


def test_a_flipped_bit_is_found_by_verification(part: Part) -> None:
    (part.folder / "3.jpg").write_bytes(bytes([2]))
    part.ensure()
    with pytest.raises(IntegrityError, match=r"3\.jpg"):
        part.verify()


@pytest.mark.parametrize("text", [None, "{", "[]", '{"files": 1}', '{"files": {"0.jpg": {}}}'])
def test_a_torn_or_missing_manifest_is_named(part: Part, text: str | None) -> None:
    manifest = part.folder / "manifest.json"
    manifest.unlink() if text is None else manifest.write_text(text)
    with pytest.raises(DataError, match=r"(?s)photos.*Delete the folder"):
        part.ensure()


def test_a_deleted_folder_is_generated_again(part: Part) -> None:
    for path in part.folder.iterdir():
        path.unlink()
    part.folder.rmdir()
    part.ensure()
    part.verify()
    assert {path.name for path in part.folder.iterdir()} >= set(part.names)


def test_a_complete_folder_is_not_written_to(part: Part) -> None:
    before = part.folder.stat().st_mtime_ns
    Part(part.folder, part.names, lambda: pytest.fail("generated again"), {}).ensure()
    assert part.folder.stat().st_mtime_ns == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"(?s)file.*GEORET_CACHE"):
        small_part(tmp_path / "file" / "photos").ensure()


def test_an_error_while_rendering_leaves_no_folder(tmp_path: Path) -> None:
    def broken(row: int) -> bytes:
        raise DataError(f"row {row} is broken")

    part = Part(tmp_path / "photos", ["0.jpg", "1.jpg"], lambda: broken, {})
    with pytest.raises(DataError, match="row 0 is broken"):
        part.ensure()
    assert not part.folder.exists()


def test_two_processes_generate_once(tmp_path: Path) -> None:
    both = [start(tmp_path, 0.02) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert (tmp_path / "log").read_text() == "prepared\n"
    small_part(tmp_path / "photos").verify()


def test_a_killed_generation_starts_again_cleanly(tmp_path: Path) -> None:
    process = start(tmp_path, 0.3)
    partial = tmp_path / ".photos.partial"
    deadline = time.monotonic() + 30
    while not list(partial.glob("*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert partial.exists()
    assert not (tmp_path / "photos").exists()
    (partial / "stray.jpg").write_bytes(b"left by the kill")
    part = small_part(tmp_path / "photos")
    part.ensure()
    part.verify()
    assert sorted(p.name for p in part.folder.iterdir()) == sorted([*part.names, "manifest.json"])
    assert not partial.exists()

"""A feeder gives batches in order, ahead of whoever takes them, whatever becomes of decoders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError
from georet.feeding.decoders import cut
from georet.feeding.feeder import Feeder, HereFeeder, PoolFeeder, num_slots_for
from georet.feeding.ring import make_ring, slot_bytes
from georet.types import Ints, Pixels

SIZE = (6, 5)


@dataclass(frozen=True)
class Numbers:
    """Images whose every pixel is their row; every ``bad_each``-th is bad."""

    bad_each: int = 0
    wait_s: float = 0.0
    lane_of: int = 0

    def fill(self, row: int, out: Pixels) -> bytes | None:
        time.sleep(self.wait_s)
        out[:] = row % 256
        if self.bad_each and row % self.bad_each == 0:
            raise DataError("is torn", where=self.name(row))
        return str(os.getpid()).encode()

    def lanes(self, rows: Ints) -> Ints | None:
        return rows // self.lane_of if self.lane_of else None

    def name(self, row: int) -> str:
        return f"number {row}"


class Breaking(Numbers):
    def fill(self, row: int, out: Pixels) -> bytes | None:
        if row == 9:
            raise ZeroDivisionError("of mine")
        return super().fill(row, out)


def feeder_of(kind: str, filler: Numbers) -> Feeder:
    if kind == "here":
        return HereFeeder(filler, size=SIZE, capacity=7, num_slots=2)
    return PoolFeeder(filler, size=SIZE, capacity=7, workers=2, held=2)


def fed(feeder: Feeder, rows: Ints, size: int = 7) -> list[tuple[list[int], list[int], list[str]]]:
    """Feed all rows; return of each batch its rows, its first pixels and its bad rows."""
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    found = []
    while batches or feeder.num_pending:
        while batches and feeder.has_room:
            feeder.put(batches.pop(0), None)
        batch = feeder.take(lambda: None)
        pixels = batch.images[:, 0, 0, 0].tolist()
        assert (batch.images == batch.images[:, :1, :1, :1]).all()
        assert len(batch.extras) == len(batch.rows)
        found.append((batch.rows.tolist(), pixels, [why for _, why in batch.bad]))
        feeder.release(batch)
    return found


@pytest.mark.parametrize("kind", ["here", "pool"])
def test_batches_come_in_order_without_the_bad_images(kind: str) -> None:
    feeder = feeder_of(kind, Numbers(bad_each=5))
    try:
        found = fed(feeder, np.arange(100))
    finally:
        feeder.close()
    kept = [row for rows, _, _ in found for row in rows]
    assert kept == [row for row in range(100) if row % 5]
    assert [pixel for _, pixels, _ in found for pixel in pixels] == kept
    bad = [why for _, _, reasons in found for why in reasons]
    assert bad == [f"number {row}: is torn" for row in range(0, 100, 5)]


def test_the_error_of_a_decoder_is_raised_where_its_batch_is_taken() -> None:
    feeder = PoolFeeder(Breaking(), size=SIZE, capacity=4, workers=2)
    try:
        with pytest.raises(RuntimeError, match="ZeroDivisionError: of mine"):
            fed(feeder, np.arange(40), 4)
    finally:
        feeder.close()


def test_many_killed_decoders_change_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    feeder = PoolFeeder(Numbers(wait_s=0.002), size=SIZE, capacity=7, workers=2)
    rng, found = np.random.default_rng(0), []
    try:
        batches = [np.arange(start, start + 7) for start in range(0, 1400, 7)]
        while batches or feeder.num_pending:
            while batches and feeder.has_room:
                feeder.put(batches.pop(0), None)
            batch = feeder.take(lambda: None)
            found += batch.images[:, 0, 0, 0].tolist()
            if len(found) % 140 == 0:
                decoder = feeder._decoders._every[int(rng.integers(2))]
                os.kill(decoder.child.pid, signal.SIGKILL)
            feeder.release(batch)
    finally:
        feeder.close()
    assert found == [row % 256 for row in range(1400)]
    assert "was killed by SIGKILL" in capfd.readouterr().err


def test_a_slot_is_not_written_before_it_is_released() -> None:
    feeder = PoolFeeder(Numbers(), size=SIZE, capacity=4, workers=2, held=2)
    try:
        first, number, held = None, 0, []
        while feeder.has_room:
            feeder.put(np.arange(number, number + 4), None)
            number += 4
        while feeder.num_pending:
            held.append(feeder.take(lambda: None))
        first = held[0].images.copy()
        time.sleep(0.1)
        assert not feeder.has_room
        assert np.array_equal(held[0].images, first)
        feeder.release(held[0])
        assert feeder.has_room
    finally:
        feeder.close()


def test_rows_of_one_lane_are_read_by_one_decoder_while_the_other_is_busy() -> None:
    feeder = PoolFeeder(Numbers(lane_of=2, wait_s=0.01), size=SIZE, capacity=8, workers=2)
    whose: dict[int, set[bytes | None]] = {0: set(), 1: set()}
    try:
        for start in range(0, 160, 8):
            if feeder.has_room:
                feeder.put(np.arange(start, start + 8), None)
            batch = feeder.take(lambda: None)
            for row, pid in zip(batch.rows.tolist(), batch.extras, strict=True):
                whose[row // 2 % 2].add(pid)
            feeder.release(batch)
    finally:
        feeder.close()
    assert len(whose[0] | whose[1]) == 2


def test_a_batch_is_cut_at_lanes_and_at_the_most_rows() -> None:
    pieces = cut(5, 3, [10, 11, 12, 13, 14, 15], [1, 1, 1, 2, 2, 1], 2)
    assert [(p.number, p.first, list(p.rows), p.lane) for p in pieces] == [
        (5, 0, [10, 11], 1),
        (6, 2, [12], 1),
        (7, 3, [13, 14], 2),
        (8, 5, [15], 1),
    ]
    assert {piece.slot for piece in pieces} == {3}


def test_the_ring_is_bounded_and_shrinks_where_memory_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert num_slots_for(4, 8, 64, (384, 384), 3) == 5
    assert num_slots_for(64, 16, 64, (1024, 1024), 3) * slot_bytes(64, (1024, 1024)) <= 1 << 30

    def short(handle: int, start: int, num_bytes: int) -> None:
        if num_bytes > 3 * slot_bytes(4, SIZE):
            raise OSError(28, "No space left on device")
        allocate(handle, start, num_bytes)

    allocate = os.posix_fallocate
    monkeypatch.setattr(os, "posix_fallocate", short)
    assert make_ring(9, 4, SIZE, 2).num_slots == 3
    with pytest.raises(DataError, match="no memory for 2 batches of 400 images"):
        make_ring(9, 400, SIZE, 2)


TINY_SHM = """
import os
import numpy as np
from georet.feeding.shared import SharedBytes

assert os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize <= 1 << 20
memory = SharedBytes(50 << 20)
memory.array[:] = 7
print("written")
"""


def test_a_small_dev_shm_does_not_matter() -> None:
    mount = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"'
    command = ["unshare", "-m", "bash", "-c", mount, "_", sys.executable, "-c", TINY_SHM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no private mounts here: {done.stderr.strip()}")
    assert done.stdout == "written\n", done.stderr


LEFT = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np
from test_feeder import SIZE, Numbers
from georet.feeding.feeder import PoolFeeder

if __name__ == "__main__":
    feeder = PoolFeeder(Numbers(wait_s=0.01), size=SIZE, capacity=7, workers=2)
    feeder.put(np.arange(7), None)
    feeder.take(lambda: None)
    print(*(decoder.child.pid for decoder in feeder._decoders._every), flush=True)
    time.sleep(100)
"""


def test_decoders_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    driver = tmp_path / "left.py"
    driver.write_text(LEFT)
    command = [sys.executable, str(driver), str(Path(__file__).parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    process.wait()
    for _ in range(100):
        if not any(is_running(pid) for pid in pids):
            return
        time.sleep(0.1)
    raise AssertionError("decoders stayed")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


FORGOTTEN = LEFT.replace("time.sleep(100)", "sys.exit(3)")


def test_a_feeder_that_nobody_closed_does_not_keep_its_process(tmp_path: Path) -> None:
    driver = tmp_path / "forgotten.py"
    driver.write_text(FORGOTTEN)
    command = [sys.executable, str(driver), str(Path(__file__).parent)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 3

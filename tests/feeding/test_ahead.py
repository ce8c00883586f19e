"""Lists of batches come in order, those held stay as they are, and forked decoders can die."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.data.reading import FileFiller, error_in
from georet.feeding.ahead import in_order, quick_feeder
from georet.feeding.feeder import PoolFeeder

SIZE, BATCH = (8, 10), 4


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Return 40 pictures, each of one grey that is its number; the one numbered 9 is torn."""
    found = [tmp_path / f"{number:02d}.png" for number in range(40)]
    for number, path in enumerate(found):
        cv2.imwrite(str(path), np.full((*SIZE, 3), number, np.uint8))
    found[9].write_bytes(found[9].read_bytes()[:30])
    return found


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("held", [1, 3])
def test_as_many_batches_as_are_held_stay_as_they_are(
    workers: int, held: int, paths: list[Path]
) -> None:
    batches = np.arange(len(paths)).reshape(-1, BATCH)
    feeder = quick_feeder(
        FileFiller(paths, SIZE),
        size=SIZE,
        capacity=BATCH,
        num_batches=len(batches),
        workers=workers,
        held=held,
    )
    taken = []
    try:
        for batch in in_order(feeder, list(batches), held=held):
            taken.append(batch)
            for older in taken[-held:]:
                wanted = np.where(older.rows == 9, 127, older.rows)
                assert np.array_equal(older.images[:, 3, 4, 1], wanted)
    finally:
        feeder.close()
    assert np.array_equal(np.concatenate([batch.rows for batch in taken]), np.arange(40))
    told = {int(row): error_in(e) for b in taken for row, e in zip(b.rows, b.extras, strict=True)}
    assert [row for row, error in told.items() if error is not None] == [9]
    assert told[9].where == str(paths[9])


def test_a_forked_decoder_that_is_killed_is_named_and_replaced(
    paths: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    batches = np.arange(len(paths)).reshape(-1, BATCH)
    feeder = quick_feeder(
        FileFiller(paths, SIZE), size=SIZE, capacity=BATCH, num_batches=10, workers=2
    )
    assert isinstance(feeder, PoolFeeder)
    found = []
    try:
        for batch in in_order(feeder, list(batches)):
            found += batch.rows.tolist()
            if len(found) == 3 * BATCH:
                for decoder in feeder._decoders._every:
                    os.kill(decoder.child.pid, signal.SIGKILL)
    finally:
        feeder.close()
    assert found == list(range(40))
    assert "was killed by SIGKILL" in capfd.readouterr().err

"""Files that are verified block by block, when they are touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.errors import IntegrityError
from georet.search.blocks import BLOCK, CheckedFile, block_hashes, block_hashes_of


@pytest.fixture
def content() -> bytes:
    return np.random.default_rng(0).integers(0, 256, 5 * BLOCK + 77, dtype=np.uint8).tobytes()


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "part"
    path.write_bytes(content)
    return path


def test_hashes_of_a_file_are_those_of_its_content(tmp_path: Path, content: bytes) -> None:
    assert block_hashes_of(written(tmp_path, content)) == block_hashes(content)


def test_only_what_is_touched_is_read(tmp_path: Path, content: bytes) -> None:
    file = CheckedFile(written(tmp_path, content), block_hashes(content), len(content))
    assert file.num_bytes_checked == 0
    assert bytes(file.read(BLOCK + 5, BLOCK + 9)) == content[BLOCK + 5 : BLOCK + 9]
    assert file.num_bytes_checked == BLOCK
    assert bytes(file.read(0, len(content))) == content
    assert file.num_bytes_checked == len(content)


@pytest.mark.parametrize("at", [0, BLOCK - 1, 3 * BLOCK, 5 * BLOCK + 76])
def test_a_flipped_bit_is_refused_where_it_is_touched_and_nowhere_else(
    tmp_path: Path, content: bytes, at: int
) -> None:
    flipped = bytearray(content)
    flipped[at] ^= 1
    file = CheckedFile(written(tmp_path, flipped), block_hashes(content), len(content))
    block = at // BLOCK
    for other in set(range(6)) - {block}:
        file.read(other * BLOCK, min((other + 1) * BLOCK, len(content)))
    with pytest.raises(IntegrityError, match=rf"block {block}, bytes {block * BLOCK} to"):
        file.read(at, at + 1)


def test_a_file_that_was_cut_is_refused_before_it_is_mapped(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content[:-1])
    with pytest.raises(IntegrityError, match=f"{len(content)} bytes were written"):
        CheckedFile(path, block_hashes(content), len(content))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8])
def test_rows_of_an_array_are_taken_wherever_it_begins(tmp_path: Path, dtype: type) -> None:
    array = (np.arange(3000 * 37) % 120).reshape(3000, 37).astype(dtype)
    content = b"head-" + array.tobytes() + b"tail"
    file = CheckedFile(written(tmp_path, content), block_hashes(content), len(content))
    rows = np.array([2999, 0, 17, 17, 1500])
    assert np.array_equal(file.array(5, array.shape, dtype, rows), array[rows])
    assert np.array_equal(file.array(5, array.shape, dtype, slice(10, 20)), array[10:20])
    assert file.num_bytes_checked < len(content)


def test_rows_longer_than_a_block_are_checked_whole(tmp_path: Path) -> None:
    array = np.random.default_rng(1).normal(size=(6, BLOCK)).astype(np.float32)
    content = array.tobytes()
    flipped = bytearray(content)
    flipped[2 * array[0].nbytes + 2 * BLOCK] ^= 1
    file = CheckedFile(written(tmp_path, flipped), block_hashes(content), len(content))
    assert np.array_equal(file.array(0, array.shape, np.float32, np.array([1, 3])), array[[1, 3]])
    with pytest.raises(IntegrityError):
        file.array(0, array.shape, np.float32, np.array([2]))

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from georet.errors import DataError, IntegrityError
from georet.files import new_folder, read_json, seal, verify, write_atomic, write_json


def test_a_folder_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "a") as folder:  # noqa: PT012
        (folder / "one").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "a") as folder:
        (folder / "one").write_text("1")
    verify(tmp_path / "a")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_changed_or_missing_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    seal(tmp_path)
    (tmp_path / "one").write_text("x")
    with pytest.raises(IntegrityError, match="one"):
        verify(tmp_path)
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").unlink()
    with pytest.raises(IntegrityError, match="two"):
        verify(tmp_path)


def test_a_kill_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"value": 1})
    child = os.fork()
    if child == 0:
        Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        write_json(path, {"value": 2})
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert read_json(path) == {"value": 1}


def test_what_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        write_atomic(tmp_path / "absent" / "file", b"")


def test_torn_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "torn.json"
    path.write_text('{"a"')
    with pytest.raises(DataError, match=r"torn\.json"):
        read_json(path)

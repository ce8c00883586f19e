from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from georet.errors import DataError, IntegrityError
from georet.files import (
    new_folder,
    read_json,
    replaced_file,
    replaced_folder,
    replacing,
    seal,
    tidy_temporary,
    verify,
    write_atomic,
    write_json,
)


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


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_atomic(path, "old")
    with pytest.raises(DataError, match=r"table\.csv: can't be written"), replacing(path) as stream:
        stream.write("x" * 10_000)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(DataError, match="export: can't be written"), replaced_folder(path) as new:  # noqa: PT012
        new.mkdir()
        (new / "big").write_bytes(bytes(10_000))
    assert [p.name for p in path.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["export"]


def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "export"
    for name in ("first", "second"):
        with replaced_folder(path) as new:
            new.mkdir()
            (new / name).touch()
    assert [p.name for p in path.iterdir()] == ["second"]
    with replaced_folder(path):
        pass
    assert [p.name for p in path.iterdir()] == ["second"]
    assert [p.name for p in tmp_path.iterdir()] == ["export"]


def test_a_folder_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gallery"
    with pytest.raises(DataError, match="gallery: can't be written"), replaced_folder(path) as new:  # noqa: PT012
        new.mkdir()
        path.mkdir()
        (path / "theirs").touch()
    assert [p.name for p in path.iterdir()] == ["theirs"]
    assert [p.name for p in tmp_path.iterdir()] == ["gallery"]


def test_a_second_rename_that_fails_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rename = tmp_path / "export", Path.rename
    path.mkdir()
    (path / "old").touch()

    def fails_for_new(self: Path, target: Path) -> Path:
        if (self / "new").exists():
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_new)
    with pytest.raises(DataError, match="No space"), replaced_folder(path) as new:  # noqa: PT012
        new.mkdir()
        (new / "new").touch()
    assert [p.name for p in path.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["export"]


def test_two_writers_of_one_file_do_not_share_a_temporary_name(tmp_path: Path) -> None:
    path = tmp_path / "value"
    with replaced_file(path) as one, replaced_file(path) as other:
        assert one != other
        assert f".{os.getpid()}-" in one.name
        one.write_text("1")
        other.write_text("2")
    assert path.read_text() == "1"


def test_what_stands_below_a_file_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="Not a directory"):
        write_atomic(tmp_path / "file" / "below", b"")


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    for name in ("n" * 255, "\N{GRINNING FACE}" * 63):
        write_atomic(tmp_path / name, name)
        assert (tmp_path / name).read_text() == name


def test_what_killed_writers_left_is_swept(tmp_path: Path) -> None:
    kept = {"a.csv", "b.csv", ".hidden"}
    for name in kept:
        (tmp_path / name).touch()
    for name in ("a.csv", "a", "b.csv"):
        child = os.fork()
        if child == 0:
            with replacing(tmp_path / name) as stream:
                stream.write("half")
                os.kill(os.getpid(), signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 6
    tidy_temporary(tmp_path, "a")
    assert len(list(tmp_path.glob(".*.csv.*.tmp"))) == 2
    tidy_temporary(tmp_path, "a.csv")
    assert [p.name.split(".")[1] for p in tmp_path.glob(".*.tmp")] == ["b"]
    tidy_temporary(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == kept

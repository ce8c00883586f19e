"""The journal of a build: torn and changed lines."""

from __future__ import annotations

from pathlib import Path

from georet.gallery.files.journal import JOURNAL, ShardEntry, append, entries


def test_lines_after_a_torn_one_count(tmp_path: Path) -> None:
    first, second = ShardEntry(0, "a", 1, 5), ShardEntry(1, "b", 2, 4, ((7, "it's torn"),))
    append(tmp_path, first)
    with (tmp_path / JOURNAL).open("ab") as stream:
        stream.write(b'{"shard": 3, "sha2')
    append(tmp_path, second)
    assert list(entries(tmp_path)) == [first, second]


def test_a_changed_digit_in_the_journal_makes_its_line_void(tmp_path: Path) -> None:
    append(tmp_path, ShardEntry(4, "a", 1, 5))
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes().replace(b'"rows": 5', b'"rows": 6'))
    assert list(entries(tmp_path)) == []

"""The event file of a run on a full disk, and what is read back of it."""

from __future__ import annotations

import pytest

from georet.errors import DataError
from georet.train.events import EventLog, read_events


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("georet.train.events._tensorboard", lambda *_: None)
    log = EventLog(tmp_path)
    with pytest.raises(DataError, match=r"events\.jsonl.*can't be written"):
        log.write("step", text="x" * 5000)
    log.close()


def test_a_line_that_is_no_event_is_told_with_the_file(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b'{"event": "step"}\n{"event\xff": 1}\n')
    with pytest.raises(DataError, match=r"events\.jsonl"):
        read_events(tmp_path)

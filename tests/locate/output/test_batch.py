"""Batches: streamed, taken up again where they were killed, forgiving within a quota."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError, Interrupted
from georet.locate import Locator
from georet.locate.output.batch import heat_in, locate_batch
from georet.locate.output.journal import Journal
from georet.locate.question import Question
from georet.photos.finding import find_photos
from georet.photos.photos import PhotoReader
from georet.testing.pixel_session import PixelSession

ASKED = {"k": 5}


class Counting(PixelSession):
    """Counts the images that it embeds."""

    num_embedded = 0

    def embed(self, images, /):
        self.num_embedded += len(images)
        return super().embed(images)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr("georet.locate.output.batch.CHUNK", 4)


def run(gallery, photos, path, session=None, **how):
    journal = Journal(path, ASKED)
    locate_batch(Locator(gallery, session or PixelSession()), photos, Question(), journal, **how)
    return journal


def stop_after(num):
    left = [num]

    def check():
        left[0] -= 1
        if not left[0]:
            raise Interrupted("stopped")

    return check


def test_a_batch_stopped_midway_goes_on_and_ends_the_same(gallery, save_photos, tmp_path):
    photos, _ = save_photos(11)
    whole = list(run(gallery, photos, tmp_path / "whole").records())
    path, session = tmp_path / "stopped", Counting()
    with pytest.raises(Interrupted):
        run(gallery, photos, path, session, check=stop_after(2))
    # One more alone: whether the session keeps its rows apart is tried once.
    assert session.num_embedded == 8 + 1
    assert list(run(gallery, photos, path, session).records()) == whole
    assert session.num_embedded == 11 + 1


def test_a_line_torn_by_a_kill_is_dropped_and_done_again(gallery, save_photos, tmp_path):
    photos, _ = save_photos(6)
    path = tmp_path / "journal"
    whole = list(run(gallery, photos, path).records())
    path.write_bytes(path.read_bytes()[:-30])
    again = run(gallery, photos, path)
    assert list(again.records()) == whole
    assert path.read_bytes().endswith(b"\n")


def test_another_question_begins_another_journal(gallery, save_photos, tmp_path):
    photos, _ = save_photos(2)
    run(gallery, photos, tmp_path / "journal")
    assert Journal(tmp_path / "journal", {"k": 6}).done == set()


def test_a_damaged_journal_is_named(tmp_path):
    Journal(tmp_path / "journal", ASKED)
    with (tmp_path / "journal").open("ab") as stream:
        stream.write(b"{]\n")
    with pytest.raises(DataError, match="is damaged"):
        Journal(tmp_path / "journal", ASKED)


def test_unreadable_photos_are_skipped_and_listed_within_the_quota(gallery, save_photos, tmp_path):
    photos, _ = save_photos(9)
    photos[2].write_bytes(b"no image")
    photos[7].write_bytes(photos[7].read_bytes()[:200])
    journal = run(gallery, photos, tmp_path / "journal", quota=0.25)
    assert set(journal.unreadable()) == {str(photos[2]), str(photos[7])}
    assert journal.num_records == 7
    assert "not a JPEG" in journal.unreadable()[str(photos[2])]


def test_more_unreadable_photos_than_the_quota_stop_the_batch(gallery, save_photos, tmp_path):
    photos, _ = save_photos(9)
    for photo in photos[:3]:
        photo.write_bytes(b"")
    with pytest.raises(DataError, match="3 of 9 photos can't be read") as caught:
        run(gallery, photos, tmp_path / "journal", quota=0.2)
    assert str(photos[0]) in str(caught.value)


def test_one_unreadable_photo_is_told_as_it_is(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"GIF89a")
    with pytest.raises(DataError, match="not a JPEG"):
        PhotoReader(PixelSession().identity, 1).read([path])


def test_heat_travels_through_the_journal(gallery, save_photos, tmp_path):
    photos, _ = save_photos(3)
    journal, locator = Journal(tmp_path / "journal", ASKED), Locator(gallery, PixelSession())
    locate_batch(locator, photos, Question(), journal, num_heats=2)
    records = list(journal.records())
    heat = heat_in(records[1], len(gallery.tiles))
    assert heat == pytest.approx(locator.locate(photos[1:2])[0].heat, abs=0.003)
    assert heat_in(records[2], len(gallery.tiles)) is None


def test_photos_are_found_in_folders_at_any_depth_and_once(tmp_path):
    for name in ("b/2.JPG", "b/c/1.png", "b/notes.txt", "b/.hidden.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = find_photos([tmp_path / "b", tmp_path / "b/2.JPG"])
    assert [path.name for path in found] == ["2.JPG", "1.png"]


def test_a_folder_without_images_and_a_missing_photo_are_named(tmp_path):
    with pytest.raises(DataError, match="no image in this folder"):
        find_photos([tmp_path])
    with pytest.raises(DataError, match="no such photo"):
        find_photos([tmp_path / "absent.jpg"])


def test_a_photos_own_position_is_used_only_when_asked(gallery, ground, tmp_path, monkeypatch):
    from georet.locate import question

    asked_of: list[Path] = []

    def spy(path):
        asked_of.append(path)

    monkeypatch.setattr(question, "exif_latlon", spy)
    photo = tmp_path / "p.png"
    import cv2

    cv2.imwrite(str(photo), ground.cut(100, 100))
    locator = Locator(gallery, PixelSession())
    locate_batch(locator, [photo], Question(), Journal(tmp_path / "a", ASKED))
    assert asked_of == []
    locate_batch(locator, [photo], Question(gps_radius_m=10.0), Journal(tmp_path / "b", ASKED))
    assert asked_of == [photo]


def test_records_hold_no_number_that_is_none(gallery, save_photos, tmp_path):
    photos, _ = save_photos(1)
    record = next(run(gallery, photos, tmp_path / "journal").records())
    json.dumps(record, allow_nan=False)
    assert np.isfinite([record["latitude"], record["longitude"]]).all()
    assert len(record["photo_sha256"][0]) == 64

"""Folders of photos: every file is taken, or counted and named with the reason."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from PIL import Image

from georet.data.images import read_image
from georet.errors import DataError
from georet.photos import finding
from georet.photos.finding import find_photos
from georet.photos.photos import PhotoReader
from georet.testing.pixel_session import PixelSession

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def photo(path, kind="JPEG", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (90, 120, 60)).save(path, kind, **options)
    return path


def found_in(folder) -> tuple[list[str], str]:
    told: list[str] = []
    names = [
        path.relative_to(folder).as_posix() for path in find_photos([folder], tell=told.append)
    ]
    assert len(told) <= 1
    return names, "".join(told)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a", "JPEG"), ("a.jfif", "JPEG"), ("a.mpo", "MPO"), ("a.JPE", "PNG"), ("x.avif", "AVIF")],
)
def test_photos_are_known_by_their_content(tmp_path, name, kind):
    photo(tmp_path / name, kind)
    assert found_in(tmp_path) == ([name], "")
    assert read_image(tmp_path / name).shape == (16, 16, 3)


OTHERS = {
    "a.mp4": (b"\0\0\0\x20ftypisom\0\0\2\0", "it is a video"),
    "b.mov": (b"\0\0\0\x14ftypqt  \0\0\0\0", "it is a video"),
    "c.avi": (b"RIFF\0\0\0\0AVI LIST", "it is a video"),
    "d.dng": (b"II*\0\x08\0\0\0", "a camera's raw file"),
    "e.CR3": (b"\0\0\0\x18ftypcrx \0\0\0\1", "a camera's raw file"),
    "f.NEF": (b"MM\0*\0\0\0\x08", "a camera's raw file"),
    "g.gif": (b"GIF89a\x01\0", "it is a GIF"),
    "h.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    "i.thm": (b"\xff\xd8\xff\xe0", "thumbnail"),
    "j.txt": (b"notes", "no image"),
    "k": (LFS, "git lfs pull"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_photo_is_named_with_the_reason(tmp_path, name):
    data, reason = OTHERS[name]
    photo(tmp_path / "z.jpg")
    (tmp_path / name).write_bytes(data)
    names, told = found_in(tmp_path)
    assert names == ["z.jpg"]
    assert "left out 1 of 2 files" in told
    assert reason in told
    assert str(tmp_path / name) in told


def test_all_is_told_in_one_warning_each_reason_once(tmp_path):
    photo(tmp_path / "z.jpg")
    for name, (data, _) in OTHERS.items():
        (tmp_path / name).write_bytes(data)
    _, told = found_in(tmp_path)
    assert f"left out {len(OTHERS)} of {len(OTHERS) + 1} files" in told
    assert told.count("it is a video") == 1
    assert all(str(tmp_path / name) in told for name in OTHERS)


def test_hidden_files_are_passed_over(tmp_path):
    photo(tmp_path / "z.jpg")
    (tmp_path / "._z.jpg").write_bytes(b"Mac OS X")
    photo(tmp_path / ".thumbnails/z.jpg")
    assert found_in(tmp_path) == (["z.jpg"], "")


def test_a_folder_without_photos_says_what_it_holds(tmp_path):
    (tmp_path / "a.mp4").write_bytes(OTHERS["a.mp4"][0])
    with pytest.raises(DataError, match="no image in this folder") as caught:
        find_photos([tmp_path])
    assert "it is a video" in str(caught.value)


def test_linked_folders_and_files_are_followed_once(tmp_path):
    folder = tmp_path / "flight"
    photo(folder / "a.jpg")
    photo(tmp_path / "elsewhere/b.jpg")
    (folder / "day2").symlink_to(tmp_path / "elsewhere")
    (folder / "day3").symlink_to(tmp_path / "elsewhere")
    (folder / "round").symlink_to(folder)
    (tmp_path / "elsewhere/back").symlink_to(folder)
    (folder / "c.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")
    assert found_in(folder) == (["a.jpg", "c.jpg", "day2/b.jpg"], "")


def test_a_link_to_nothing_is_named(tmp_path):
    photo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "gone.jpg")
    names, told = found_in(tmp_path)
    assert names == ["a.jpg"]
    assert "a link to nothing" in told
    with pytest.raises(DataError, match="a link to nothing"):
        find_photos([tmp_path / "b.jpg"])


def test_pipes_sockets_and_devices_are_never_read(tmp_path, monkeypatch):
    photo(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path may have about 100 bytes
        server.bind("s.jpg")
        names, told = found_in(tmp_path)
    assert names == ["a.jpg"]
    assert "a pipe" in told
    assert "no regular file" in told
    for path in (tmp_path / "pipe.jpg", "/dev/zero", "/dev/null"):
        with pytest.raises(DataError, match="regular file"):
            find_photos([tmp_path / path])
        with pytest.raises(DataError, match=r"can't be read: it is a (pipe|device)"):
            read_image(tmp_path / path)


@pytest.mark.parametrize("name", ["pointer.jpg", "pointer.png", "pointer.tif"])
def test_a_git_lfs_pointer_says_how_to_get_the_photo(tmp_path, name):
    (tmp_path / name).write_bytes(LFS)
    with pytest.raises(DataError, match="Git LFS pointer") as caught:
        PhotoReader(PixelSession().identity, 1).read([tmp_path / name])
    assert "git lfs pull" in str(caught.value)


def test_heic_photos_without_their_extra_are_named(tmp_path, monkeypatch):
    for module in ("pi_heif", "pi_heif.as_plugin"):
        monkeypatch.setitem(sys.modules, module, None)
    photo(tmp_path / "a.jpg")
    (tmp_path / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    names, told = found_in(tmp_path)
    assert names == ["a.jpg"]
    assert "pip install 'georet[heif]'" in told
    with pytest.raises(DataError, match="pi_heif") as caught:
        read_image(tmp_path / "b.HEIC")
    assert "georet[heif]" in str(caught.value)


def test_heic_photos_are_read_upright_with_their_extra(tmp_path):
    pytest.importorskip("pi_heif")
    path = tmp_path / "a.heic"
    shutil.copy(Path(__file__).parent / "files/phone.heic", path)
    assert found_in(tmp_path) == (["a.heic"], "")
    found = read_image(path)
    assert found.shape == (64, 96, 3)
    assert found[32, 80, 2] > 150
    assert found[32, 10, 0] > 150


def test_names_that_would_end_a_line_do_not(tmp_path):
    photo(tmp_path / "a.jpg")
    (tmp_path / "x\nerror: y.txt").write_bytes(b"notes")
    assert "\n" not in found_in(tmp_path)[1]


def test_a_folder_that_can_not_be_listed_is_named(tmp_path, monkeypatch):
    photo(tmp_path / "a.jpg")

    def walk(folder, *, followlinks, onerror):
        assert followlinks
        onerror(PermissionError(13, "Permission denied", str(folder / "closed")))
        return iter([(str(folder), [], ["a.jpg"])])

    monkeypatch.setattr(finding.os, "walk", walk)
    assert "can't be listed: Permission denied" in found_in(tmp_path)[1]

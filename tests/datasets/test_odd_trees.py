"""Trees as they are handed out and unpacked: read, and what isn't read is counted and named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from georet.errors import DataError
from georet_datasets.readers.cvact import Cvact
from georet_datasets.readers.cvusa import Cvusa
from georet_datasets.readers.denseuav import DenseUav
from georet_datasets.readers.sues200 import HEIGHTS, Sues200
from georet_datasets.readers.university import University1652
from georet_datasets.readers.vigor import Vigor

pytest_plugins = ["georet.testing.fixtures"]

CITIES = ("NewYork", "Seattle", "SanFrancisco", "Chicago")


def university(root: Path, save_image) -> Path:
    for view, photo in (("drone", "image-01.jpeg"), ("satellite", "t.jpg"), ("google", "g.jpg")):
        for building in ("0839", "0842"):
            save_image(root / f"train/{view}/{building}/{photo}")
    for view in ("query_drone", "gallery_drone", "query_satellite", "gallery_satellite"):
        for building in ("0001", "0002"):
            save_image(root / f"test/{view}/{building}/image-01.jpeg")
    save_image(root / "test/query_street/0001/1.jpg")
    return root


def sues(root: Path, save_image) -> Path:
    for scene in ("0001", "0002", "0008", "0012"):
        save_image(root / f"satellite-view/{scene}/0.png")
        for height in HEIGHTS:
            save_image(root / f"drone_view_512/{scene}/{height}/0.jpg")
    return root


def denseuav(root: Path, save_image) -> Path:
    folders = {
        "000000": ("train/drone", "train/satellite"),
        "000001": ("train/drone", "train/satellite"),
        "000002": ("test/query_drone", "test/gallery_satellite"),
    }
    for place, (photos, tiles) in folders.items():
        save_image(root / photos / place / "H80.JPG")
        save_image(root / tiles / place / "H80.tif")
    lines = [f"a\\{place}\\H80.JPG E120.3 N30.3 80.0" for place in folders]
    (root / "Dense_GPS_ALL.txt").write_text("\r\n".join(lines))
    return root


FOLDERS = {
    "university1652": (university, University1652, "train/drone", "0842", "image-01.jpeg"),
    "sues200": (sues, Sues200, "drone_view_512", "0002", "150/0.jpg"),
    "denseuav": (denseuav, DenseUav, "train/drone", "000001", "H80.JPG"),
}


@pytest.fixture(params=FOLDERS)
def tree(request, tmp_path, save_image):
    make, reader, *rest = FOLDERS[request.param]
    (tmp_path / "tree").mkdir()
    return make(tmp_path / "tree", save_image), reader, *rest


def test_an_empty_folder_is_left_out_and_named(tree, capsys):
    root, reader, folder, building, photo = tree
    before = len(reader(root=root).train().queries)
    (root / folder / building / photo).unlink()
    data = reader(root=root)
    assert len(data.train().queries) == before - 1
    assert f"{folder}: folders without an image: 1 ({building}" in capsys.readouterr().err
    assert [group.kind for group in data.left_out.listed() if building in group.names[0]] == [
        "folders without an image"
    ]


def test_what_file_managers_leave_is_counted_and_named(tree, capsys):
    root, reader, folder, building, photo = tree
    before = list(reader(root=root).train().queries.ids)
    place = (root / folder / building / photo).parent
    for name in ("Thumbs.db", ".DS_Store", "._image-01.jpeg", "desktop.ini", "._x.jpg"):
        (place / name).write_bytes(b"x")
    (place / "notes.txt").write_text("x")
    (root / "__MACOSX").mkdir()
    assert list(reader(root=root).train().queries.ids) == before
    told = capsys.readouterr().err
    assert "files of the operating system: 5 (" in told
    assert "files that are no images: 1 (" in told
    assert "files of the operating system: 1 (__MACOSX)" in told


def test_images_outside_folders_and_folders_below_are_counted_and_named(tree, capsys, save_image):
    root, reader, folder, building, photo = tree
    before = list(reader(root=root).train().queries.ids)
    save_image(root / folder / "stray.jpg")
    save_image((root / folder / building / photo).parent / "deeper/H80.jpg")
    assert list(reader(root=root).train().queries.ids) == before
    told = capsys.readouterr().err
    assert "images outside the folders of buildings: 1 (stray.jpg)" in told
    assert "folders that are not read: 1 (" in told


def test_broken_links_are_counted_and_named(tree, capsys):
    root, reader, folder, building, photo = tree
    before = list(reader(root=root).train().queries.ids)
    ((root / folder / building / photo).parent / "gone.jpg").symlink_to("nowhere.jpg")
    assert list(reader(root=root).train().queries.ids) == before
    assert "broken links: 1 (" in capsys.readouterr().err


def test_linked_folders_and_upper_case_suffixes_are_read(tree, tmp_path):
    root, reader, folder, building, photo = tree
    before = len(reader(root=root).train().queries)
    path = root / folder / building / photo
    path.rename(path.with_suffix(path.suffix.upper()))
    shutil.move(root / folder / building, tmp_path / "elsewhere")
    (root / folder / building).symlink_to(tmp_path / "elsewhere")
    assert len(reader(root=root).train().queries) == before


def test_the_tree_is_read_without_a_word_when_nothing_is_odd(tree, capsys):
    root, reader, *_ = tree
    data = reader(root=root)
    data.train()
    data.evaluations()
    assert "operating system" not in capsys.readouterr().err
    assert {group.kind for group in data.left_out.listed()} <= {"folders that are not read"}


def test_views_that_are_not_asked_for_are_named(tmp_path, save_image, runner):
    root = university(tmp_path, save_image)
    save_image(root / "test/4K_drone/0001/a.jpg")
    save_image(root / "test/gallery_street/0001/a.jpg")
    (root / "train/google/1057").mkdir()
    outcome = runner("data", "check", root, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    found = {(g["kind"], Path(g["folder"]).name): g for g in json.loads(outcome.stdout)["left_out"]}
    assert found["folders that are not read", "test"]["names"] == [
        "4K_drone (1 entries)", "gallery_street (1 entries)",
    ]  # fmt: skip
    assert found["folders that are not read", "train"]["names"] == ["google (3 entries)"]
    outcome = runner("data", "check", root, "--json", "--set", "query_view=google")
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["left_out"][1]["names"] == ["1057"]


def test_an_empty_street_view_leaves_its_set_out(tmp_path, save_image, capsys):
    root = university(tmp_path, save_image)
    (root / "test/query_street/0001/1.jpg").unlink()
    assert "street" not in University1652(root=root).evaluations()
    assert "query_street" in capsys.readouterr().err


def test_the_check_names_pointers_and_empty_images(tree, runner):
    root, _, folder, building, photo = tree
    path = root / folder / building / photo
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (path.parent / f"H80_{photo.rpartition('/')[2]}").write_bytes(b"")
    outcome = runner("data", "check", root, "--json")
    assert outcome.exit_code == 3
    said = {(f["kind"], f["what"]) for f in json.loads(outcome.stdout)["findings"]}
    assert sorted(said) == [
        ("unreadable", "is a Git LFS pointer: type git lfs pull"),
        ("unreadable", "the image is empty (0 bytes)"),
    ]


def cvusa(root: Path, save_image, separator: str = "\\") -> Path:
    for split, numbers in (("train", (1, 2, 3)), ("val", (4, 5))):
        lines = []
        for n in numbers:
            names = [f"bingmap/19/{n:07d}.jpg", f"streetview/panos/{n:07d}.jpg"]
            for name in names:
                save_image(root / name)
            lines.append(",".join(name.replace("/", separator) for name in [*names, "a.png"]))
        (root / "splits").mkdir(exist_ok=True)
        (root / f"splits/{split}-19zl.csv").write_text("\r\n".join(lines), newline="")
    return root


def cvact(root: Path, save_image) -> Path:
    lines = ["PanoID;Easting;Northing;Set"]
    for name, kind in (("a", "train"), ("b", "train"), ("c", "val")):
        lines.append(f"{name};690000,5;6090000,5;{kind}")
        save_image(root / f"ANU_data_small/streetview/{name}_grdView.jpg")
        save_image(root / f"ANU_data_small/satview_polish/{name}_satView_polish.jpg")
    (root / "ACT_data.csv").write_text("\n".join(lines), encoding="utf-16")
    return root


def vigor(root: Path, save_image) -> Path:
    for at, city in enumerate(CITIES):
        folder, tile = root / "splits" / city, f"satellite_4{at}.5_-7{at}.5.png"
        folder.mkdir(parents=True)
        (folder / "satellite_list.txt").write_text(f"{tile}\r\n\r\n", encoding="utf-8-sig")
        save_image(root / "satellite" / city / tile)
        for name, number in (("balanced_train", 0), ("balanced_test", 1)):
            line = f"p{at}{number}.jpg\t{tile} 1.5 -2\r\n"
            (folder / f"same_area_{name}.txt").write_text(line)
            (folder / "pano_label_balanced.txt").open("a").write(line)
            save_image(root / f"ground/{city}/p{at}{number}.jpg")
    return root


LISTS = {"cvusa": (cvusa, Cvusa), "cvact": (cvact, Cvact), "vigor": (vigor, Vigor)}


@pytest.fixture(params=LISTS)
def listed(request, tmp_path, save_image):
    make, reader = LISTS[request.param]
    (tmp_path / "tree").mkdir()
    return make(tmp_path / "tree", save_image), reader


def test_lists_from_windows_are_read(listed, runner):
    root, reader = listed
    pairs = reader(root=root).train()
    assert all(path.is_file() for view in pairs.views.values() for path in view.paths)
    outcome = runner("data", "check", root, "--json")
    assert outcome.exit_code == 0, outcome.stdout + outcome.stderr
    assert json.loads(outcome.stdout)["left_out"] == []


def test_decimal_commas_of_a_list_are_understood(tmp_path, save_image):
    pairs = Cvact(root=cvact(tmp_path, save_image)).train()
    assert pairs.queries.columns["easting_m"].tolist() == [690000.5, 690000.5]


def test_images_that_no_list_names_are_reported(listed, runner, save_image):
    root, reader = listed
    folder = reader(root=root).train().queries.paths[0].parent
    save_image(folder / "extra_1.jpg")
    outcome = runner("data", "check", root, "--json")
    assert outcome.exit_code == 0
    assert [(g["kind"], g["names"]) for g in json.loads(outcome.stdout)["left_out"]] == [
        ("images that no list names", ["extra_1.jpg"])
    ]


def test_a_name_that_differs_in_case_is_pointed_at(listed, capsys):
    root, reader = listed
    path = reader(root=root).train().queries.paths[0]
    path.rename(path.with_suffix(".JPG"))
    try:
        reader(root=root).train()
        said = capsys.readouterr().err
    except DataError as error:
        said = str(error)
    assert f"There is '{path.stem}.JPG', whose name differs in its case" in said


def test_a_query_on_both_sides_is_told_and_found(listed, runner, capsys):
    root, reader = listed
    data = reader(root=root)
    train = data.train().queries.paths[0]
    next(iter(data.evaluations().values())).queries.paths[0].write_bytes(train.read_bytes())
    outcome = runner("data", "check", root, "--json")
    assert outcome.exit_code == 3
    kinds = [(f["kind"], f["what"]) for f in json.loads(outcome.stdout)["findings"]]
    assert kinds == [("leak", f"is trained on too, as {train}")]


@pytest.mark.parametrize("name", LISTS)
def test_an_id_in_both_lists_is_told_to_those_who_train(name, tmp_path, save_image, capsys):
    make, reader = LISTS[name]
    root = make(tmp_path, save_image)
    if name == "cvusa":
        lists = [root / f"splits/{split}-19zl.csv" for split in ("train", "val")]
        lists[1].write_text(lists[1].read_text() + "\n" + lists[0].read_text().split("\n")[0])
    elif name == "vigor":
        folder = root / "splits/Seattle"
        text = (folder / "same_area_balanced_train.txt").read_text()
        with (folder / "same_area_balanced_test.txt").open("a") as stream:
            stream.write(text)
    else:
        path = root / "ACT_data.csv"
        text = path.read_text(encoding="utf-16")
        path.write_text(f"{text}\na;690000,5;6090000,5;val", encoding="utf-16")
    data = reader(root=root)
    data.train()
    data.evaluations()
    assert "1 queries are both in the lists to train on" in capsys.readouterr().err


def test_a_name_that_is_no_text_is_listed_and_not_the_end(listed, runner):
    root, reader = listed
    folder = reader(root=root).train().queries.paths[0].parent
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")).write_bytes(b"x")
    for arguments in ((), ("--json",)):
        outcome = runner("data", "check", root, *arguments)
        assert outcome.exit_code == 0, outcome.stderr
        assert "caf" in outcome.stdout
        assert "xe9.jpg" in outcome.stdout


def test_a_folder_above_the_tree_is_pointed_down(listed, runner):
    root, _ = listed
    outcome = runner("data", "check", root.parent)
    assert outcome.exit_code == 2
    assert f"Is it {root}?" in outcome.stderr

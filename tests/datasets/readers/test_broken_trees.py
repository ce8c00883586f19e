"""Broken trees: one clear message each, that names the file, the line and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from georet.errors import DataError
from georet_datasets.readers.cvusa import Cvusa

pytest_plugins = ["georet.testing.fixtures"]

TRAIN, LOCATIONS = "splits/train-19zl.csv", "split_locations/all.csv"


@pytest.fixture
def root(tmp_path: Path, save_image) -> Path:
    """Return a tree of twenty pairs for training and four to be judged."""
    for split, numbers in (("train", range(1, 21)), ("val", range(21, 25))):
        path = tmp_path / f"splits/{split}-19zl.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"t/{n}.jpg,p/{n}.jpg,a/{n}.png\n" for n in numbers))
        for number in numbers:
            save_image(tmp_path / f"t/{number}.jpg", (32, 32))
            save_image(tmp_path / f"p/{number}.jpg", (32, 32))
    (tmp_path / "split_locations").mkdir()
    (tmp_path / LOCATIONS).write_text("".join(f"{n},{n},{n},{n},0\n" for n in range(1, 25)))
    return tmp_path


def append(name: str, line: str | bytes) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        data = line if isinstance(line, bytes) else line.encode()
        (root / name).write_bytes((root / name).read_bytes() + data)

    return change


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).write_text((root / name).read_text().replace(old, new))

    return change


def unlink(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def loop(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).unlink()
        (root / name).symlink_to((root / name).name)

    return change


def is_a_folder(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).unlink()
        (root / name).mkdir()

    return change


def folder_loops(root: Path) -> None:
    (root / "p").rename(root / "q")
    (root / "p").symlink_to("p")


BROKEN = {
    "no split file": (unlink(TRAIN), f"{TRAIN}: no such file", "mvrl.cse.wustl.edu"),
    "empty split": (lambda root: (root / TRAIN).write_text("\n"), "no pairs for train", "CVUSA"),
    "missing tile": (unlink("t/7.jpg"), "t/7.jpg: the image is missing", "mvrl"),
    "missing panorama": (unlink("p/7.jpg"), "p/7.jpg: the image is missing", "missing=skip"),
    "one column": (append(TRAIN, "t/1.jpg\n"), f"{TRAIN}:21: has 1 columns", "wanted 2 or 3"),
    "five columns": (append(TRAIN, "t,p,a,b,c\n"), f"{TRAIN}:21: has 5 columns", ""),
    "semicolons": (append(TRAIN, "t/1.jpg;p/1.jpg;a\n"), f"{TRAIN}:21: has 1 columns", ""),
    "duplicate id": (append(TRAIN, "t/3.jpg,p/4.jpg,a\n"), ":21: duplicate id '3'", f"{TRAIN}:3"),
    "no number": (append(TRAIN, "t/x.jpg,p/x.jpg,a\n"), ":21: tile 'x.jpg' is not called", ""),
    "absolute path": (append(TRAIN, "/t/9.jpg,p/9.jpg,a\n"), ":21: '/t/9.jpg' does not lie", ""),
    "Windows path": (append(TRAIN, "C:\\t\\9.jpg,p/9.jpg,a\n"), ":21: 'C:", "relative"),
    "traversal": (append(TRAIN, "t/../../9.jpg,p/9.jpg,a\n"), ":21: 't/../../9.jpg' does", "'..'"),
    "empty name": (append(TRAIN, "t/9.jpg,,a\n"), ":21: '' does not lie", ""),
    "Latin-1 name": (append(TRAIN, b"t/\xe9.jpg,p/1.jpg,a\n"), ":21: tile 'é.jpg' is not", ""),
    "no encoding": (append(TRAIN, b"t/\x81.jpg,p/1.jpg,a\n"), ":21: is neither UTF-8", "iconv"),
    "split loops": (loop(TRAIN), f"{TRAIN}: can't be read: Too many levels", ""),
    "split is a folder": (is_a_folder(TRAIN), f"{TRAIN}: can't be read: Is a directory", ""),
    "image loops": (loop("t/5.jpg"), "t/5.jpg: the image is missing", ""),
    "folder loops": (folder_loops, "p: can't be listed: Too many levels", ""),
    "latitude": (replace(LOCATIONS, "4,4,4,4", "94,4,4,4"), f"{LOCATIONS}:4: sat_lat is 94", "90"),
    "longitude": (replace(LOCATIONS, "4,4,4,4", "4,4,4,190"), ":4: ground_lon is 190", "180"),
    "no position": (
        replace(LOCATIONS, "4,4,4,4", "4,4,nan,4"),
        ":4: ground_lat is 'nan', not a number",
        "",
    ),
    "not a number": (replace(LOCATIONS, "4,4,4,4", "4,east,4,4"), ":4: sat_lon is 'east'", ""),
    "too few columns": (replace(LOCATIONS, "4,4,4,4,0", "4,4,4"), ":4: has 3 columns", ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_tree_gives_one_clear_message(root, case):
    change, message, also = BROKEN[case]
    change(root)
    with pytest.raises(DataError) as caught:
        Cvusa(root=root).train()
    assert message in str(caught.value)
    assert also in str(caught.value)


def test_an_intact_tree_gives_none(root, capsys):
    assert len(Cvusa(root=root).train()) == 20


def test_a_root_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Cvusa(root=tmp_path / "nowhere").train()


def test_training_goes_on_over_bad_images_within_the_quota_and_lists_them(root, tmp_path, runner):
    unlink("p/7.jpg")(root)
    (root / "t/3.jpg").write_bytes((root / "t/3.jpg").read_bytes()[:-300])
    config = {
        "device": "cpu",
        "dataset": {"name": "cvusa", "root": str(root), "missing": "keep"},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}, "bad_image_quota": 0.05},
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": ["info_nce"],
        "sampler": {"name": "random"},
        "train": {"epochs": 1, "batch_size": 4, "warmup_epochs": 0},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    call = ["train", "--plugins", "sample4geo,georet.testing.plugin", "--recipe", "none"]
    outcome = runner(*call, "--config", tmp_path / "config.yaml", "--out", tmp_path / "run")
    assert outcome.exit_code == 0, outcome.stderr
    assert "2 unreadable images" in outcome.stderr
    listed = "".join(path.read_text() for path in (tmp_path / "run").glob("*.json*"))
    assert "p/7.jpg" in listed
    assert "t/3.jpg" in listed
    strict = runner(*call, "--config", tmp_path / "config.yaml", "--set", "dataset.missing=error")
    assert strict.exit_code == 3

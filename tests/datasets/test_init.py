"""``georet init`` on folders as people have them: pairs, a map with photos, nothing."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
import yaml
from PIL import Image

pytest_plugins = ["georet.testing.fixtures"]


def draw(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def own(tmp_path):
    """A folder with pairs.csv: four pairs to train on, two to judge by."""
    lines = ["query,reference,split"]
    for number in range(6):
        for kind in ("photos", "tiles"):
            draw(tmp_path / f"own/{kind}/{number}.png")
        split = "train" if number < 4 else "test"
        lines.append(f"photos/{number}.png,tiles/{number}.png,{split}")
    (tmp_path / "own/pairs.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "own"


def test_pairs_get_a_file_that_fits_and_says_what_can_be_set(own, runner):
    outcome = runner("init", str(own))
    assert outcome.exit_code == 0, outcome.stderr
    assert "4 pairs to train on, judged on test" in outcome.stdout
    file = own / "train.yaml"
    told = yaml.safe_load(file.read_text())
    assert told["recipe"] == "sample4geo/own-data"
    assert told["dataset"] == {"name": "datasets:pairs_csv", "root": str(own)}
    assert told["evaluate"]["during"] == ["test"]
    assert file.read_text().count("#") > 10
    assert runner("config", "validate", "--config", str(file)).exit_code == 0


def test_pairs_without_a_line_that_judges_are_refused_with_what_to_write(own, runner):
    text = (own / "pairs.csv").read_text()
    (own / "pairs.csv").write_text(text.replace(",test", ",train"))
    outcome = runner("init", str(own))
    assert outcome.exit_code == 3
    assert "`test` in the column `split`" in outcome.stderr
    assert not (own / "train.yaml").exists()


def test_a_file_that_is_there_is_kept(own, runner):
    (own / "train.yaml").write_text("mine: true\n")
    outcome = runner("init", str(own))
    assert outcome.exit_code == 2
    assert "--out" in outcome.stderr
    assert (own / "train.yaml").read_text() == "mine: true\n"


def test_broken_pairs_are_named_and_nothing_is_written(own, runner):
    (own / "pairs.csv").write_text("query,tile\nphotos/0.png,tiles/0.png\n")
    outcome = runner("init", str(own))
    assert outcome.exit_code == 3
    assert "pairs.csv" in outcome.stderr
    assert not (own / "train.yaml").exists()


def test_a_map_with_photos_needs_no_file_and_gets_commands_that_are_understood(tmp_path, runner):
    rasterio = pytest.importorskip("rasterio")
    from rasterio.transform import from_origin

    folder = tmp_path / "my flight"
    for number in range(3):
        draw(folder / f"photos/{number}.jpg")
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_200_000, 1, 1)}
    with rasterio.open(
        folder / "area.tif",
        "w",
        driver="GTiff",
        width=64,
        height=64,
        count=3,
        dtype="uint8",
        **place,
    ) as file:
        file.write(np.zeros((3, 64, 64), np.uint8))
    outcome = runner("init", str(folder))
    assert outcome.exit_code == 0, outcome.stderr
    assert "1 map and 3 photos" in outcome.stdout
    commands = [line for line in outcome.stdout.splitlines() if line.startswith("georet ")]
    assert [shlex.split(line)[1] for line in commands] == ["gallery", "locate", "adapt", "train"]
    assert str(folder / "area.tif") in shlex.split(commands[0])
    assert str(folder / "photos") in shlex.split(commands[1])
    asked = [word for word in shlex.split(commands[3])[2:] if word != "--dry-run"]
    assert runner("config", "show", *asked).exit_code == 0
    assert list(folder.glob("*.yaml")) == []


def test_a_picture_without_a_place_is_no_map(tmp_path, runner):
    pytest.importorskip("rasterio")
    draw(tmp_path / "scan.tif")
    outcome = runner("init", str(tmp_path))
    assert outcome.exit_code == 3
    assert "1 photo" in outcome.stderr


def test_what_georet_made_in_the_folder_is_nobodys_data(tmp_path):
    from georet_datasets.found import in_folder

    draw(tmp_path / "mine/0.jpg")
    for made, mark in (
        ("area.gallery", "gallery.json"), ("runs/a", "config.yaml"), ("b", "adapt/settings.json"),
    ):  # fmt: skip
        draw(tmp_path / made / "adapt/new/1.jpg")
        (tmp_path / made / mark).write_text("{}")
    assert in_folder(tmp_path).said() == "1 photo"


def test_an_empty_folder_and_one_that_is_not_there_are_told_apart(tmp_path, runner):
    empty = runner("init", str(tmp_path))
    assert empty.exit_code == 3
    assert "it is empty" in empty.stderr
    assert "pairs.csv" in empty.stderr
    absent = runner("init", str(tmp_path / "absent"))
    assert absent.exit_code == 2
    assert "no such folder" in absent.stderr

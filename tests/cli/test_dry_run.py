"""``--dry-run`` says what long commands would do, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.cli import main
from georet.cli.app import command_line
from georet.commands.foreseeing import seconds_each

LONG = (
    "train", "eval", "locate", "track", "export", "benchmark", "adapt",
    "gallery build", "gallery calibrate", "data orient",
)  # fmt: skip
ENCODER = "timm:tf_efficientnet_lite0?weights=lite0&stage=2&pool=gem&size=64"


@pytest.fixture(scope="module")
def area(tmp_path_factory) -> Path:
    """A map of 200 m, photos of it, their places."""
    rasterio = pytest.importorskip("rasterio")
    import cv2

    folder = tmp_path_factory.mktemp("dry")
    rng = np.random.default_rng(2)
    noise = rng.uniform(0, 255, (40, 40, 3)).astype(np.float32)
    ground = cv2.resize(noise, (400, 400), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    with rasterio.open(
        folder / "area.tif", "w", driver="GTiff", width=400, height=400, count=3, dtype="uint8",
        crs="EPSG:32632", transform=rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_200_000),
    ) as file:  # fmt: skip
        file.write(ground.transpose(2, 0, 1).astype(np.uint8))
    (folder / "photos").mkdir()
    rows = ["photo,lat,lon"]
    for number in range(6):
        cut = ground[40 * number : 40 * number + 80, 100:180].astype(np.uint8)
        cv2.imwrite(str(folder / f"photos/{number}.jpg"), cut)
        rows.append(f"photos/{number}.jpg,46.95,9.0005")
    (folder / "known.csv").write_text("\n".join(rows) + "\n")
    gallery = ["--side", "40m", "--out", str(folder / "area.gallery")]
    tif = str(folder / "area.tif")
    assert main(["gallery", "build", tif, "--encoder", ENCODER, *gallery]) == 0
    return folder


@pytest.mark.parametrize("name", LONG)
def test_whatever_works_for_long_has_it_with_the_same_words(name):
    command, context = command_line(), None
    for word in name.split():
        context = command.make_context(word, [], parent=context, resilient_parsing=True)
        command = command.get_command(context, word)
    helped = {p.name: getattr(p, "help", "") for p in command.params}
    assert "how long" in helped["dry_run"]


CALLS = {
    "locate": (["area.gallery", "photos", "--out", "p.gpkg"], ["6, ", "p.gpkg"]),
    "track": (["area.gallery", "photos", "--out", "t.gpx"], ["frames", "t.gpx"]),
    "gallery calibrate": (
        ["area.gallery", "--queries", "known.csv"], ["6 with known places", "calibration.json"],
    ),
    "adapt": (
        ["area.tif", "--encoder", ENCODER, "--side", "30m", "--out", "runs/a", "--size", "64"],
        ["tiles", "to train on", "training", "runs/a"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_it_says_sizes_times_and_files_and_writes_nothing(name, area, monkeypatch, capsys):
    monkeypatch.chdir(area)
    before = {path: path.stat().st_mtime_ns for path in area.rglob("*")}
    words, wanted = CALLS[name]
    capsys.readouterr()
    assert main([*name.split(), *words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    for text in (*wanted, "about ", "would write", "nothing was written"):
        assert text in said
    assert {path: path.stat().st_mtime_ns for path in area.rglob("*")} == before


def test_a_piece_is_measured_without_what_the_first_one_loads():
    import time

    calls = []

    def work(some):
        if not calls:
            time.sleep(0.5)
        calls.append(len(some))

    assert seconds_each(work, range(100)) < 0.1
    assert calls == [1, 4]
    assert seconds_each(work, []) == 0

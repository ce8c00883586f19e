"""What docs/gallery.md shows runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from georet.cli import main
from georet.testing.tiny_run import PLUGINS, tiny_run

PAGE = (Path(__file__).parents[2] / "docs/gallery.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a raster, a run and a photo under the names of the page."""
    import rasterio

    folder = tmp_path_factory.mktemp("page")
    (folder / "runs").mkdir()
    tiny_run(folder).rename(folder / "runs/first")
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, size=(8, 8, 3), dtype=np.uint8)
    ground = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)
    where = rasterio.transform.from_origin(500_000, 5_200_000, 50, 50)
    profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 3, "dtype": "uint8"}
    with rasterio.open(
        folder / "area.tif", "w", crs="EPSG:32632", transform=where, **profile
    ) as raster:
        raster.write(np.moveaxis(ground, -1, 0))
    cv2.imwrite(str(folder / "photo.jpg"), ground[20:28, 20:28])
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    monkeypatch.setenv("GEORET_PLUGINS", ",".join(PLUGINS))
    return place


def test_the_python_examples_run_in_their_order(here: Path) -> None:
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, names)
    assert len(names["gallery"]) > 200
    assert names["rows"][:, 0].tolist() == [0, 1, 2]
    assert len(names["location"].candidates) == 5
    assert len(names["smaller"]) == 10
    assert (here / "smaller.gallery/gallery.json").exists()


def test_the_first_commands_build_and_locate(here: Path) -> None:
    lines = [line for line in blocks("sh")[0].splitlines() if line.startswith("georet")]
    assert len(lines) == 3
    for line in lines:
        words = shlex.split(line.replace("area.gallery", "typed.gallery"))
        assert main(words[1:]) == 0


def test_the_layout_on_the_page_is_that_of_a_gallery(here: Path) -> None:
    from georet.gallery.making.build import build_gallery
    from georet.testing.drawn_tiles import DrawnTiles, PixelSpec

    out = build_gallery(DrawnTiles(5), PixelSpec(), here / "layout.gallery")
    (layout,) = [block for block in blocks("text") if block.startswith("area.gallery/")]
    shown = {line.split()[0] for line in layout.splitlines()[1:]}
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found <= shown
    assert shown - found == {"extras.json", "calibration.json", "index/<name>/..."}

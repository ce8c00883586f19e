"""Re-rankers with a context: the imagery's own pixels, soft failures, calibrations of their own."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from georet.cli.app import run
from georet.contracts.searching import Reranked
from georet.gallery.making.build import build_gallery
from georet.gallery.stored import StoredGallery
from georet.locate import Locator
from georet.locate.calibration import calibration_file, own_calibration
from georet.testing.drawn_tiles import PixelSpec
from georet.testing.pixel_session import PixelSession
from georet.tiles.tiling import Tiling

SIDE_M, GSD_M = 60.0, 0.5


@pytest.fixture
def area(tmp_path: Path) -> StoredGallery:
    """A gallery cut from a GeoTIFF."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (600, 600), interpolation=cv2.INTER_CUBIC)
    where = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_200_000, GSD_M, GSD_M)}
    shape = {"width": 600, "height": 600, "count": 3, "dtype": "uint8"}
    path = tmp_path / "area.tif"
    with rasterio.open(path, "w", driver="GTiff", **where, **shape) as raster:
        raster.write(image.transpose(2, 0, 1))
    tiling = Tiling(side_m=(SIDE_M,), overlap=0.5)
    return StoredGallery.open(
        build_gallery(path, PixelSpec(), tmp_path / "area.gallery", tiling=tiling)
    )


@pytest.fixture
def photo(area, tmp_path) -> Path:
    """A photo of 90 x 120 pixels."""
    rng = np.random.default_rng(4)
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), cv2.resize(rng.integers(0, 255, (9, 12, 3), np.uint8), (120, 90)))
    return path


class Looking:
    """Keeps what it was shown, and prefers the tile that it saw last."""

    max_candidates = 4

    def __init__(self, error=None):
        self.seen, self.error = [], error

    def __call__(self, query, candidates, context):
        pictures = [tile.patch for tile in context.tiles]
        assert context.pixels.size
        self.seen.append((query, candidates, context, pictures))
        if self.error is not None:
            raise self.error
        order = np.arange(len(candidates))[::-1]
        return Reranked(order, np.arange(len(candidates)) / 10, "the last shall be first")


def test_tiles_come_in_the_resolution_of_the_imagery(area, photo):
    looking = Looking()
    locator = Locator(area, PixelSession(), reranker=looking)
    (found,) = locator.locate([photo], k=6)
    query, candidates, context, pictures = looking.seen[0]
    assert query == photo
    assert context.pixels.shape == (90, 120, 3)
    assert [one.image.shape for one in pictures] == [(120, 120, 3)] * 4
    assert all(one.is_full for one in pictures)
    assert cv2.imread(str(candidates[0])) is None  # the thumbnails' folder is gone by now
    assert context.gsd_m(0) == pytest.approx(GSD_M, rel=1e-2)
    assert [tile.side_m for tile in context.tiles] == pytest.approx([SIDE_M] * 4, rel=1e-3)
    assert context.embedding @ context.embeddings.T == pytest.approx(context.scores, abs=1e-5)
    assert found.candidates[0].row == context.tiles[3].row
    assert [one.rerank_score for one in found.candidates] == pytest.approx(
        [0.3, 0.2, 0.1, 0.0, None, None]
    )
    assert found.reordering.reason == "the last shall be first"
    assert found.rerank_note == ""


def test_photos_that_are_pixels_are_shown_as_pixels(area, photo):
    looking = Looking()
    image = cv2.imread(str(photo))[:, :, ::-1]
    Locator(area, PixelSession(), reranker=looking).locate([image])
    assert looking.seen[0][0].suffix == ".png"
    assert np.array_equal(looking.seen[0][2].pixels, image)


def test_where_the_imagery_is_gone_thumbnails_are_shown_and_it_is_said(area, photo):
    (area.path.parent / "area.tif").unlink()
    looking = Looking()
    (found,) = Locator(area, PixelSession(), reranker=looking).locate([photo])
    assert [one.image.shape for one in looking.seen[0][3]] == [(96, 96, 3)] * 4
    assert not any(one.is_full for one in looking.seen[0][3])
    assert "thumbnails only" in found.rerank_note
    assert "area.tif" in found.rerank_note


def test_where_the_imagery_is_another_thumbnails_are_shown_and_it_is_said(area, photo):
    tif = area.path.parent / "area.tif"
    with rasterio.open(tif, "r+") as raster:
        raster.write(255 - raster.read())
    (found,) = Locator(area, PixelSession(), reranker=Looking()).locate([photo])
    assert "fingerprint changed" in found.rerank_note


def open_files() -> list[str]:
    return [os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()]


def test_the_imagery_is_opened_once_and_closed(area, photo, monkeypatch):
    from georet.gallery.pictures import originals

    calls, reopen = [], originals.reopen_source
    monkeypatch.setattr(
        originals, "reopen_source", lambda *a, **b: (calls.append(a), reopen(*a, **b))[1]
    )
    tif = str(area.path.parent / "area.tif")
    locator = Locator(area, PixelSession(), reranker=Looking())
    locator.locate([photo, photo])
    locator.locate([photo])
    assert len(calls) == 1
    assert tif in open_files()
    locator.reranking.reranker.seen.clear()
    locator.close()
    assert tif not in open_files()


def test_without_thumbnails_the_files_are_tiles(tmp_path, area, photo):
    tiling = Tiling(side_m=(SIDE_M,))
    out = tmp_path / "bare.gallery"
    build_gallery(tmp_path / "area.tif", PixelSpec(), out, tiling=tiling, thumbnails=False)
    shapes = []

    class Reads(Looking):
        def __call__(self, query, candidates, context):
            shapes.extend(cv2.imread(str(path)).shape for path in candidates)
            return np.arange(len(candidates))

    Locator(StoredGallery.open(out), PixelSession(), reranker=Reads()).locate([photo])
    assert shapes == [(120, 120, 3)] * 4


def test_one_that_raises_leaves_the_order_of_that_photo(area, photo):
    plain = Locator(area, PixelSession()).locate([photo])[0]
    failing = Locator(area, PixelSession(), reranker=Looking(ValueError("no luck")))
    (found,) = failing.locate([photo])
    assert [c.row for c in found.candidates] == [c.row for c in plain.candidates]
    assert found.latlon == plain.latlon
    assert found.reordering.failed
    assert found.reordering.reason == "ValueError: no luck"


RERANKER = """
import numpy as np
from georet import Component, hookimpl
from georet.contracts.searching import Reranked


class Sharpest:
    max_candidates = 8

    def __init__(self, power: float = 1.0, fail: bool = False) -> None:
        self.power, self.fail = power, fail

    def __call__(self, query, candidates, context):
        if self.fail:
            raise RuntimeError("no luck")
        photo = context.pixels.mean(axis=(0, 1))
        tiles = np.array([tile.patch.image.mean(axis=(0, 1)) for tile in context.tiles])
        far = np.linalg.norm(tiles - photo, axis=1) ** self.power
        return Reranked(np.argsort(far, kind="stable"), -far, "nearest colour")


@hookimpl
def georet_rerankers():
    yield Component("colour", Sharpest, summary="Nearest mean colour first")
"""


@pytest.fixture
def mine(tmp_path, monkeypatch) -> list[str]:
    """Command line words for a plugin in a file; galleries are searched with pixels."""
    for module in ("locating", "calibrating"):
        monkeypatch.setattr(
            f"georet.commands.{module}.open_encoder", lambda gallery, view, **_: PixelSession()
        )
    (tmp_path / "mine.py").write_text(RERANKER)
    return ["--plugins", str(tmp_path / "mine.py")]


def test_options_reason_and_scores_stand_in_json_and_on_the_page(
    calibrated, save_photos, mine, tmp_path, capsys
):
    photos, _ = save_photos(2)
    call = ["locate", str(calibrated.path), *map(str, photos), *mine, "--rerank"]
    page = tmp_path / "out.html"
    run([*call, "mine:colour:power=2.0,top=3", "--json", "--out", str(page)])
    told = json.loads(capsys.readouterr().out)
    about = told["provenance"]["reranked_by"]
    assert (about["id"], about["options"], about["top"]) == ("mine:colour", {"power": 2.0}, 3)
    first = told["locations"][0]
    assert first["reranking"]["reason"] == "nearest colour"
    # Arrays and thumbnails have no imagery behind them.
    assert "thumbnails only" in first["reranking"]["note"]
    assert ["rerank_score" in one for one in first["candidates"]] == [True] * 3 + [False] * 2
    html = page.read_text()
    assert "nearest colour" in html
    assert "re-ranker -" in html


def test_failures_are_counted_in_the_terminal(calibrated, save_photos, mine, capsys):
    photos, _ = save_photos(2)
    run(["locate", str(calibrated.path), *map(str, photos), *mine, "--rerank", "colour:fail=true"])
    out = capsys.readouterr().out
    assert "warning: mine:colour failed on 2 of 2; the first: " in out
    assert "RuntimeError: no luck" in out
    assert "mine:colour changed the order of 0 of 2" in out


def test_a_calibration_counts_for_the_reranker_that_it_was_fitted_with(
    tmp_path, gallery, save_photos, mine, capsys
):
    folder = tmp_path / "own.gallery"
    shutil.copytree(gallery.path, folder)
    photos, latlon = save_photos(50, seed=3, noise=70.0)
    lines = [f"{p},{lat},{lon}" for p, (lat, lon) in zip(photos, latlon, strict=True)]
    (tmp_path / "queries.csv").write_text("\n".join(["photo,lat,lon", *lines]))
    fit = ["gallery", "calibrate", str(folder), "--split-seed", "3"]
    fit += ["--queries", str(tmp_path / "queries.csv")]
    locate = ["locate", str(folder), str(photos[0])]
    seated = [*mine, "--rerank", "colour:power=2.0"]

    def radius(*words: str):
        capsys.readouterr()
        run([*locate, *words, "--json"])
        told = json.loads(capsys.readouterr().out)
        return told["locations"][0]["radius_90_m"], told["provenance"]["calibration"]

    run(fit)
    plain = radius()
    assert plain[0] is not None
    assert "reranker" not in plain[1]
    capsys.readouterr()
    run([*locate, *seated])
    out = capsys.readouterr().out
    assert "No radii: the gallery is calibrated without that re-ranker." in out
    assert f"{folder} --queries FILE.csv --rerank mine:colour:power=2.0" in out
    assert radius(*seated) == (None, None)
    run([*fit, *seated])
    assert "with the re-ranker mine:colour" in capsys.readouterr().out
    with_it = radius(*seated)
    assert with_it[0] is not None
    assert with_it[1]["reranker"]["options"] == {"power": 2.0}
    assert radius() == plain
    # Other options are another re-ranker.
    assert radius(*mine, "--rerank", "colour:power=3.0") == (None, None)
    kept = StoredGallery.open(folder)
    about = with_it[1]["reranker"]
    assert own_calibration(kept, about).reranker == about
    assert b"<!doctype html>" in kept.read_addition(calibration_file(about, ".html"))
    assert own_calibration(kept).reranker is None
    # A file that changed is told, since nobody knows whether it still orders alike.
    (tmp_path / "mine.py").write_text(RERANKER + "\n# new\n")
    run([*locate, *seated])
    assert "warning: the calibration was fitted with plugin 'mine'" in capsys.readouterr().out

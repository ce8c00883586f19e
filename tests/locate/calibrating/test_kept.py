"""A calibration with a refiner, killed or stopped, goes on where it was; a dry run foretells it."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.cli import main
from georet.commands.refining import kept_answers
from georet.contracts.refining import Camera, Refinement
from georet.gallery.making.build import build_gallery
from georet.gallery.pictures.originals import Originals
from georet.gallery.stored import StoredGallery
from georet.locate.calibrating.attempts import Trial
from georet.locate.calibrating.kept import Kept, key_of
from georet.locate.refine import as_json, make_refiner, of_json
from georet.photos.camera.cameras import Cameras
from georet.plugins import Selection
from georet.sources.opening import open_source
from georet.testing.drawn_tiles import PixelSpec
from georet.testing.pixel_session import PixelSession
from georet.tiles.tiling import Tiling

NUM = 44
REFINER = """
import os
from pathlib import Path

import numpy as np

from georet import Component, hookimpl
from georet.contracts.refining import Refinement

CALLS = Path(__file__).with_name("calls")


class Counting:
    max_candidates = 2

    def __init__(self, off: float = 1e-5) -> None:
        self.off = off

    def __call__(self, photo, tiles, camera):
        with CALLS.open("a") as stream:
            stream.write("x")
        number, _, sign = os.environ.get("STOPS_AT", "").partition(":")
        if sign and CALLS.stat().st_size == int(number):
            os.kill(os.getpid(), int(sign))
        if photo.mean() < 115:
            return Refinement.refused("it is dark", inliers=np.int64(3))
        lat, lon = tiles[0].latlon
        spread = np.float32(1 + photo.std() / 7)
        return Refinement(
            latlon=(lat + self.off, lon), covariance_m2=spread * np.eye(2), tile=np.int64(0),
            heading_deg=np.float32(12.3), clearness=100 * tiles[0].score, scatter_m=spread,
            by="bright",
        )


@hookimpl
def georet_refiners():
    yield Component("counting", Counting, summary="Counts its calls")
"""
IN_ANOTHER_PROCESS = """
import sys
from georet.commands import calibrating
from georet.testing.pixel_session import PixelSession
calibrating.open_encoder = lambda *_, **__: PixelSession()
from georet.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Site:
    """A gallery, photos with known places, and a refiner that counts how often it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.gallery = folder, folder / "g"

    def words(self, refiner: str = "counting", *more: str) -> list[str]:
        return ["gallery", "calibrate", str(self.gallery),
                "--plugins", str(self.folder / "mine.py"),
                "--queries", str(self.folder / "known.csv"), "--split-seed", "0",
                "--refine", refiner, *more]  # fmt: skip

    def calls(self) -> int:
        """Return how often the refiner was asked since the last time."""
        path = self.folder / "calls"
        num = path.stat().st_size if path.is_file() else 0
        path.unlink(missing_ok=True)
        return num

    def made(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.gallery.glob("calibration*")}

    def kept(self) -> list[Path]:
        return list(self.gallery.glob(".calibration*"))

    def forget(self) -> None:
        for path in self.gallery.glob("calibration*"):
            path.unlink()
        (self.gallery / "extras.json").unlink()


@pytest.fixture(autouse=True, scope="module")
def encoder():
    with pytest.MonkeyPatch.context() as patch:
        for module in ("calibrating", "foreseeing_fits"):
            patch.setattr(f"georet.commands.{module}.open_encoder", lambda *_, **__: PixelSession())
        yield


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("site")
    rasterio = pytest.importorskip("rasterio")
    rng = np.random.default_rng(7)
    coarse = rng.uniform(0, 255, (18, 18, 3)).astype(np.float32)
    ground = cv2.resize(coarse, (512, 512), interpolation=cv2.INTER_CUBIC)
    ground = ground.clip(0, 255).astype(np.uint8)
    where = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_300_000)}
    height, width = ground.shape[:2]
    shape = {"width": width, "height": height, "count": 3, "dtype": "uint8"}
    with rasterio.open(tmp_path / "area.tif", "w", driver="GTiff", **where, **shape) as raster:
        raster.write(ground.transpose(2, 0, 1))
    source = open_source(tmp_path / "area.tif", Tiling(side_m=(640.0,), overlap=0.5))
    build_gallery(source, PixelSpec(), tmp_path / "g")
    lines = ["photo,lat,lon"]
    from rasterio.warp import transform

    for number, (x, y) in enumerate(rng.integers(64, 448, (NUM, 2))):
        picture = ground[y - 32 : y + 32, x - 32 : x + 32]
        cv2.imwrite(str(tmp_path / f"q{number}.png"), picture[:, :, ::-1])
        east, north = 500_000 + 10 * x, 5_300_000 - 10 * y
        (lon,), (lat,) = transform("EPSG:32633", "EPSG:4326", [east], [north])
        lines.append(f"q{number}.png,{lat},{lon}")
    (tmp_path / "known.csv").write_text("\n".join(lines))
    (tmp_path / "mine.py").write_text(REFINER)
    return Site(tmp_path)


@dataclass(frozen=True)
class Whole:
    """What a call that nothing stopped wrote, how often it asked the refiner, what it said."""

    made: dict[str, bytes]
    calls: int
    said: str


@pytest.fixture(scope="module")
def whole(site):
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        patch.setattr("georet.commands.refining._EVERY_S", 0.0)
        assert main(site.words()) == 0
    found = Whole(site.made(), site.calls(), said.getvalue())
    assert not site.kept()
    site.forget()
    return found


def test_killed_or_stopped_it_goes_on_and_ends_with_the_same_bytes(
    site, whole, monkeypatch, capsys
):
    assert whole.calls > 3 * NUM
    (told,) = (json.loads(whole.made[name]) for name in whole.made if name.endswith(".json"))
    assert 0 < told["refining"]["refused"] < 1
    monkeypatch.setenv("STOPS_AT", f"20:{int(signal.SIGKILL)}")
    killed = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, *site.words()], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert site.calls() == 20
    # Among the wrong tiles; a torn last line is what a kill in the middle of a write leaves.
    (journal,) = site.kept()
    with journal.open("ab") as stream:
        stream.write(b'{"photos": ["to')
    monkeypatch.setenv("STOPS_AT", f"50:{int(signal.SIGINT)}")
    capsys.readouterr()
    assert main(site.words()) == 75
    said = capsys.readouterr().err
    assert "stopped by SIGINT; what was refined so far is kept" in said
    assert "The same command goes on." in said
    assert site.calls() == 50
    assert not site.made()
    monkeypatch.delenv("STOPS_AT")
    assert main(site.words()) == 0
    # The one that the kill hit was asked again, nothing else was.
    assert site.calls() == whole.calls - 19 - 50
    assert site.made() == whole.made
    assert not site.kept()
    site.forget()


def test_what_was_said_to_another_question_or_of_another_gallery_is_dropped(tmp_path):
    path, photo, rows = tmp_path / "kept.jsonl", tmp_path / "photo.jpg", np.array([4, 2])
    photo.write_bytes(b"a photo")
    key = key_of(photo, Camera(height_m=90.0), rows)
    Kept(path, {"gallery": "a"}).add(key, (Refinement.refused("it is dark"), None))
    again = Kept(path, {"gallery": "a"})
    assert again.get(key) == (Refinement.refused("it is dark"), None)
    assert again.get(key_of(photo, Camera(height_m=91.0), rows)) is None
    assert again.get(key_of(photo, Camera(height_m=90.0), rows[::-1])) is None
    photo.write_bytes(b"another photo")
    assert again.get(key_of(photo, Camera(height_m=90.0), rows)) is None
    assert Kept(path, {"gallery": "b"}).get(key) is None
    assert Kept(path, {"gallery": "a"}).get(key) is None


def test_galleries_encoders_refiners_and_their_options_are_told_apart(site):
    (site.folder / "calls").unlink(missing_ok=True)
    gallery = StoredGallery.open(site.gallery)
    selection = Selection.of([str(site.folder / "mine.py")])
    names = set()
    for name, reranker in (("counting", None), ("counting:off=1", None), ("counting", {"id": "x"})):
        refiner = make_refiner(name, selection)
        trial = Trial(refiner, Originals(gallery), [], np.empty((0, 2)), Cameras())
        kept = kept_answers(trial, PixelSession(), reranker)
        names |= {path.name for path in site.kept()}
        kept.remove()
    assert len(names) == 3


def test_a_dry_run_measures_refinements_and_names_the_file_that_would_be_written(
    site, whole, capsys
):
    assert main(site.words("counting", "--dry-run")) == 0
    said = capsys.readouterr().out
    assert 0 < site.calls() < 12
    assert not site.made()
    assert not site.kept()
    assert "4 refined" in said
    assert "refining" in said
    assert whole.made
    for name in whole.made:
        assert str(site.gallery / name) in said


def test_a_log_hears_of_it_now_and_then(whole):
    assert f"{NUM} of about {NUM + 3 * NUM} refined, about" in whole.said


def test_a_refinement_survives_being_kept_to_the_bit():
    found = Refinement(
        latlon=(np.float64(1) / 3, 16.1), covariance_m2=np.eye(2) / 7, tile=np.int64(2),
        heading_deg=np.float32(0.1), inliers=4, by="dense", clearness=2 / 3, scatter_m=0.1 / 3,
    )  # fmt: skip
    again = of_json(json.loads(json.dumps(as_json(found))))
    assert (again.covariance_m2 == found.covariance_m2).all()
    for name in ("latlon", "tile", "heading_deg", "inliers", "by", "clearness", "scatter_m"):
        assert getattr(again, name) == getattr(found, name)
    refused = Refinement.refused("3 matches agree", inliers=3)
    assert of_json(as_json(refused)) == refused

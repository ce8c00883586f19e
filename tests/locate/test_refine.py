"""``georet locate --refine``: a plugin's refiner places photos within tiles, or says why not."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest

from georet.cli.app import run
from georet.errors import ComponentError, DataError, UsageError
from georet.facade import Gallery
from georet.gallery.making.build import build_gallery
from georet.geodesy import distance_m
from georet.plugins import Selection
from georet.sources.opening import open_source
from georet.testing.drawn_tiles import PixelSpec
from georet.testing.pixel_session import PixelSession
from georet.tiles.tiling import Tiling

REFINER = """
import cv2
import numpy as np

from georet import Component, hookimpl
from georet.contracts.refining import Refinement


class Template:
    def __init__(self, least: float = 0.9, spoilt: str = "") -> None:
        self.least, self.spoilt = least, spoilt
        self.max_candidates = 2

    def __call__(self, photo, tiles, camera):
        if self.spoilt == "raises":
            return photo.nothing
        if self.spoilt == "order":
            return np.arange(len(tiles))
        if self.spoilt == "hills":
            relief = tiles[0].read_relief(640.0)
            found = relief.heights(np.array([[0, 0], [300.0, 0.0]]))
            return Refinement.refused(f"{found.round().tolist()}")
        if self.spoilt == "tile":
            return Refinement(latlon=(0.0, 0.0), covariance_m2=np.eye(2), tile=7)
        for number, tile in enumerate(tiles):
            around = tile.around(2 * tile.side_m)
            fits = cv2.matchTemplate(around.image, photo[8:-8, 8:-8], cv2.TM_CCOEFF_NORMED)
            _, best, _, at = cv2.minMaxLoc(fits)
            if best >= self.least:
                middle = np.array([at]) + np.array([photo.shape[1::-1]]) / 2 - 8
                (place,) = around.latlon_of(middle)
                return Refinement(
                    latlon=tuple(place.tolist()), covariance_m2=9.0 * np.eye(2), heading_deg=-90.0,
                    camera_latlon=(48.0, 16.0), height_m=120.04, inliers=31, tile=number,
                )
        return Refinement.refused("nothing fits", inliers=4)


@hookimpl
def georet_refiners():
    yield Component("template", Template, summary="Where the photo fits best")
"""


@pytest.fixture
def built(tmp_path, ground, monkeypatch):
    """A gallery of a GeoTIFF of the ground at 10 m, with its imagery at hand."""
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.setattr(
        "georet.commands.locating.open_encoder", lambda gallery, view, **_: PixelSession()
    )
    where = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_300_000)}
    height, width = ground.texture.shape[:2]
    shape = {"width": width, "height": height, "count": 3, "dtype": "uint8"}
    with rasterio.open(tmp_path / "area.tif", "w", driver="GTiff", **where, **shape) as raster:
        raster.write(ground.texture.transpose(2, 0, 1))
    source = open_source(tmp_path / "area.tif", Tiling(side_m=(640.0,), overlap=0.5))
    (tmp_path / "mine.py").write_text(REFINER)
    return Gallery.open(build_gallery(source, PixelSpec(), tmp_path / "g"))


@pytest.fixture
def photo(tmp_path, ground):
    """A photo of the ground, its middle at column 203 and row 301."""
    cv2.imwrite(str(tmp_path / "photo.png"), ground.cut(203, 301)[:, :, ::-1])
    return tmp_path / "photo.png"


def asked(built, photo, tmp_path, *more, refiner="template"):
    return ["locate", str(built.path), str(photo), "--plugins", str(tmp_path / "mine.py"),
            "--refine", refiner, *more]  # fmt: skip


def place_of(x_px, y_px):
    from rasterio.warp import transform

    east, north = transform(
        "EPSG:32633", "EPSG:4326", [500_000 + 10 * x_px], [5_300_000 - 10 * y_px]
    )
    return np.array([north[0], east[0]])


def test_a_refined_place_is_shown_in_every_output(built, photo, tmp_path, capsys):
    outs = [tmp_path / f"out.{suffix}" for suffix in ("json", "geojson", "csv", "html", "parquet")]
    flags = [part for out in outs for part in ("--out", str(out))]
    assert run(asked(built, photo, tmp_path, *flags)) == 0
    capsys.readouterr()
    (one,) = json.loads(outs[0].read_text())["locations"]
    place = np.array([one["latitude"], one["longitude"]])
    assert distance_m(place, place_of(203, 301)) < 5
    assert (one["method"], one["inliers"], one["heading_deg"]) == ("refined", 31, 270.0)
    assert one["covariance_m2"] == [[9.0, 0.0], [0.0, 9.0]]
    assert (one["camera"], one["height_m"], one["reason"]) == ([48.0, 16.0], 120.0, None)
    assert one["tile"] in {candidate["id"] for candidate in one["candidates"]}
    assert one["radius_90_m"] is one["confidence"] is one["note"] is None
    point = json.loads(outs[1].read_text())["features"][0]
    assert point["properties"]["method"] == "refined"
    assert point["properties"]["heading_deg"] == 270.0
    with outs[2].open(newline="") as stream:
        (line,) = csv.DictReader(stream)
    assert (line["method"], line["covariance_m2"]) == ("refined", "[[9.0, 0.0], [0.0, 9.0]]")
    assert abs(float(line["latitude"]) - one["latitude"]) < 1e-5
    assert "refined on" in outs[3].read_text()
    pq = pytest.importorskip("pyarrow.parquet")
    assert pq.read_table(outs[4]).to_pylist()[0]["heading_deg"] == 270.0


def test_heights_of_a_raster_reach_the_refiner(built, photo, tmp_path, capsys):
    import rasterio

    heights = np.tile(np.arange(400.0), (400, 1)).astype(np.float32)
    where = {"crs": "EPSG:32633", "transform": rasterio.Affine(20, 0, 499_000, 0, -20, 5_301_000)}
    shape = {"width": 400, "height": 400, "count": 1, "dtype": "float32"}
    with rasterio.open(tmp_path / "dsm.tif", "w", driver="GTiff", **where, **shape) as raster:
        raster.write(heights, 1)
    dsm = ["--dsm", str(tmp_path / "dsm.tif")]
    assert run(asked(built, photo, tmp_path, "--json", *dsm, refiner="template?spoilt=hills")) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["locations"][0]["reason"] == "[0.0, 15.0]"
    assert whole["provenance"]["dsm"]["name"] == "dsm.tif"
    with pytest.raises(UsageError, match="--dsm"):
        run(["locate", str(built.path), str(photo), *dsm])
    with pytest.raises(DataError, match=r"no\.tif"):
        run(asked(built, photo, tmp_path, "--dsm", str(tmp_path / "no.tif")))


def test_what_is_refused_stays_what_retrieval_says_with_the_reason(built, photo, tmp_path, capsys):
    run(["locate", str(built.path), str(photo), "--json"])
    (plain,) = json.loads(capsys.readouterr().out)["locations"]
    run(asked(built, photo, tmp_path, "--json", refiner="template?least=2"))
    whole = json.loads(capsys.readouterr().out)
    (one,) = whole["locations"]
    assert (one["method"], one["reason"], one["inliers"]) == ("retrieved", "nothing fits", 4)
    assert plain.items() <= one.items()
    assert "method" not in plain
    assert whole["provenance"]["refiner"]["id"] == "mine:template"
    assert whole["provenance"]["refiner"]["options"] == {"least": 2}
    run(asked(built, photo, tmp_path, refiner="template?least=2"))
    assert "not refined: nothing fits" in capsys.readouterr().out


def test_where_the_imagery_is_gone_it_is_said(built, photo, tmp_path, capsys):
    (tmp_path / "area.tif").unlink()
    run(asked(built, photo, tmp_path, "--json", refiner="template?least=2"))
    (one,) = json.loads(capsys.readouterr().out)["locations"]
    assert "thumbnails only" in one["note"]
    assert "no such file" in one["note"]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("raises", "raised AttributeError.*nothing"),
        ("order", "returned a ndarray, wanted a Refinement"),
        ("tile", "on tile 7 of 2"),
    ],
)
def test_what_a_refiner_does_wrong_is_told_with_its_plugin(built, photo, tmp_path, spoilt, said):
    with pytest.raises(ComponentError, match=said) as caught:
        run(asked(built, photo, tmp_path, refiner=f"template?spoilt={spoilt}"))
    assert "refiners 'mine:template' of plugin 'mine' (mine.py sha256:" in str(caught.value)


def test_several_photos_of_one_place_cannot_be_refined(built, photo, tmp_path):
    with pytest.raises(UsageError, match="--refine"):
        run(asked(built, photo, tmp_path, "--fuse"))


def test_a_refiner_that_nobody_brings_is_an_error(built, photo, tmp_path):
    with pytest.raises(ComponentError, match="no 'templat' among the refiners"):
        run(asked(built, photo, tmp_path, refiner="templat"))


def test_from_python_a_refiner_is_given_to_the_locator(built, photo, tmp_path):
    from georet.locate import Locator
    from georet.locate.refine import make_refiner

    refiner = make_refiner("template", Selection.of([str(tmp_path / "mine.py")]))
    (one,) = Locator(built, PixelSession(), refiner=refiner).locate([photo])
    assert one.refinement is not None
    assert one.refinement.is_accepted
    assert one.latlon == one.refinement.latlon


def test_a_calibration_with_the_refiner_gives_its_places_radii(
    built, photo, tmp_path, ground, monkeypatch, capsys
):
    monkeypatch.setattr(
        "georet.commands.calibrating.open_encoder", lambda gallery, view, **_: PixelSession()
    )
    rng = np.random.default_rng(0)
    lines = ["photo,lat,lon"]
    for number, (x, y) in enumerate(rng.integers(64, 448, (60, 2))):
        picture = ground.cut(x, y, seed=number, noise=8.0)
        if number % 6 == 0:
            picture = rng.integers(0, 255, picture.shape).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"q{number}.png"), picture[:, :, ::-1])
        lat, lon = place_of(x, y)
        lines.append(f"q{number}.png,{lat},{lon}")
    (tmp_path / "queries.csv").write_text("\n".join(lines))
    seated = ["--plugins", str(tmp_path / "mine.py"), "--refine", "template"]
    run(["gallery", "calibrate", str(built.path), "--queries", str(tmp_path / "queries.csv"),
         "--split-seed", "0", *seated])  # fmt: skip
    told = capsys.readouterr().out
    assert "with the refiner mine:template" in told
    assert "wrong tiles: 0 of" in told
    run(["locate", str(built.path), str(photo), *seated, "--json"])
    (one,) = (whole := json.loads(capsys.readouterr().out))["locations"]
    assert one["method"] == "refined"
    # Half a pixel of the map, which is 10 m, is the least.
    assert 5 <= one["radius_50_m"] <= one["radius_90_m"] < 100
    assert 0.5 < one["confidence"] <= 1
    assert whole["provenance"]["calibration"]["refiner"]["id"] == "mine:template"
    refused = ["--refine", "template?least=2"]
    run(["locate", str(built.path), str(photo), *seated[:2], *refused, "--json"])
    (other,) = json.loads(capsys.readouterr().out)["locations"]
    assert other["radius_90_m"] is None

"""Building galleries: every row once, the same bytes however the work was shared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.facade import Gallery
from georet.gallery.making.build import build_gallery
from georet.sessions import SessionSpec
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet.testing.pixel_session import PixelSession
from georet.types import Floats, Pixels

SOURCE = DrawnTiles(60, bad=(3, 41))
SETTINGS = {"shard_size": 10, "batch_size": 4, "bad_tile_quota": 0.05}


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_gallery(SOURCE, PixelSpec(), tmp_path_factory.mktemp("built") / "a", **SETTINGS)


def test_the_rows_are_the_readable_tiles_in_order_with_their_embeddings(built: Path) -> None:
    gallery = Gallery.open(built)
    rows = [row for row in range(60) if row not in SOURCE.bad]
    assert list(gallery.tiles.ids) == [f"tile-{row:05d}" for row in rows]
    assert np.array_equal(gallery.tiles.latlon, SOURCE.tiles().latlon[rows])
    session = PixelSession(view="reference")
    for place, row in enumerate(rows):
        from georet.data.images import resize

        alone = session.embed(
            resize(SOURCE.read(row), (48, 48), session.identity.resize_rule)[None]
        )
        assert np.array_equal(gallery.embeddings[place], alone[0])


def test_bad_tiles_are_reported_with_their_reason(built: Path) -> None:
    report = json.loads((built / "bad_tiles.json").read_text())["bad_tiles"]
    assert [tile["id"] for tile in report] == ["tile-00003", "tile-00041"]
    assert report[0]["reason"] == "tile-00003.png: is torn"
    assert Gallery.open(built).manifest["num_bad"] == 2


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_decoders_give_the_same_bytes_as_one_process(
    workers: int, built: Path, tmp_path: Path
) -> None:
    build_gallery(SOURCE, PixelSpec(), tmp_path / "b", workers=workers, **SETTINGS)
    assert contents(tmp_path / "b") == contents(built)


@pytest.mark.parametrize("workers", [0, 2])
def test_several_devices_give_the_same_bytes_as_one_process(
    workers: int, built: Path, tmp_path: Path
) -> None:
    given = {"workers": workers, "devices": ("cpu", "cpu"), **SETTINGS}
    build_gallery(SOURCE, PixelSpec(), tmp_path / "b", **given)
    assert contents(tmp_path / "b") == contents(built)


def test_shares_give_the_same_bytes_and_the_last_one_finishes(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "b"
    for number in (3, 1):
        build_gallery(SOURCE, PixelSpec(), out, shard=(number, 3), **SETTINGS)
        assert not (out / "gallery.json").exists()
    build_gallery(SOURCE, PixelSpec(), out, shard=(2, 3), **SETTINGS)
    assert contents(out) == contents(built)


def test_a_call_without_share_makes_what_is_missing(built: Path, tmp_path: Path) -> None:
    build_gallery(SOURCE, PixelSpec(), tmp_path / "b", shard=(2, 3), **SETTINGS)
    before = (tmp_path / "b/shards/part-00001.parquet").stat().st_mtime_ns
    build_gallery(SOURCE, PixelSpec(), tmp_path / "b", **SETTINGS)
    assert contents(tmp_path / "b") == contents(built)
    assert (tmp_path / "b/shards/part-00001.parquet").stat().st_mtime_ns == before


def test_a_finished_gallery_is_left_as_it_is(built: Path) -> None:
    before = contents(built)
    build_gallery(SOURCE, PixelSpec(), built, **SETTINGS)
    assert contents(built) == before


def test_other_settings_are_refused_and_named(built: Path) -> None:
    with pytest.raises(UsageError) as caught:
        build_gallery(SOURCE, PixelSpec(seed=1), built, storage="int8", **SETTINGS)
    assert "storage: 'fp32', now 'int8'" in str(caught.value)
    assert "encoder.weights_sha256" in str(caught.value)
    other = DrawnTiles(60, bad=SOURCE.bad, prefix="other")
    with pytest.raises(UsageError, match=r"source\.prefix: 'tile', now 'other'"):
        build_gallery(other, PixelSpec(), built, **SETTINGS)


def test_too_many_bad_tiles_end_the_build_and_a_greater_quota_goes_on(
    built: Path, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "bad_tile_quota": 0.02}
    with pytest.raises(DataError, match=r"tile-00041\.png: is torn") as caught:
        build_gallery(SOURCE, PixelSpec(), tmp_path / "b", **settings)
    assert "2 of 60 tiles can't be used, 1 are allowed" in str(caught.value)
    assert not (tmp_path / "b/gallery.json").exists()
    build_gallery(SOURCE, PixelSpec(), tmp_path / "b", **SETTINGS)
    assert contents(tmp_path / "b") == contents(built)


class Sometimes(PixelSession):
    """Gives images whose first pixel is dark no embedding."""

    def embed(self, images: Pixels, /) -> Floats:
        embeddings = super().embed(images)
        embeddings[images[:, 0, 0, 0] < 30] = np.nan
        embeddings[images[:, 0, 0, 0] > 230] = 0
        return embeddings


class SometimesSpec(PixelSpec):
    def open(self) -> Sometimes:
        return Sometimes(view="reference")


def test_embeddings_without_length_count_as_bad_tiles(tmp_path: Path) -> None:
    source = DrawnTiles(60)
    build_gallery(source, SometimesSpec(), tmp_path / "g", shard_size=25, bad_tile_quota=0.5)
    corners = np.array([source.read(row)[0, 0, 0] for row in range(60)])
    rows = np.flatnonzero((corners >= 30) & (corners <= 230))
    assert 30 < len(rows) < 60
    gallery = Gallery.open(tmp_path / "g")
    assert list(gallery.tiles.ids) == [f"tile-{row:05d}" for row in rows]
    assert np.isfinite(gallery.embeddings).all()
    reasons = [tile["reason"] for tile in json.loads(gallery.read("bad_tiles.json"))["bad_tiles"]]
    assert reasons == ["back end 'pixels' gave it no embedding of length 1"] * (60 - len(rows))


def test_a_shard_without_any_readable_tile_is_empty(tmp_path: Path) -> None:
    source = DrawnTiles(30, bad=tuple(range(10, 20)))
    build_gallery(source, PixelSpec(), tmp_path / "g", shard_size=10, bad_tile_quota=0.4)
    gallery = Gallery.open(tmp_path / "g")
    assert gallery.embeddings.shape == (20, 32)
    assert gallery.tiles.ids[10] == "tile-00020"
    assert gallery.thumbnail(10) is not None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"storage": "fp8"}, "--storage"),
        ({"shard_size": 0}, "--shard-size"),
        ({"shard": (4, 3)}, "--shard"),
        ({"bad_tile_quota": 2.0}, "--bad-tile-quota"),
        ({"workers": -1}, "--workers"),
    ],
)
def test_senseless_settings_are_refused(wrong: dict[str, object], named: str, tmp_path) -> None:
    with pytest.raises(UsageError) as caught:
        build_gallery(SOURCE, PixelSpec(), tmp_path / "g", **wrong)
    assert caught.value.where == named
    assert not (tmp_path / "g").exists()


def test_a_gallery_of_nothing_but_bad_tiles_is_an_error(tmp_path: Path) -> None:
    source = DrawnTiles(3, bad=(0, 1, 2))
    with pytest.raises(DataError, match="none of the 3 tiles can be used"):
        build_gallery(source, PixelSpec(), tmp_path / "g", bad_tile_quota=1.0)


@pytest.mark.parametrize("name", ["notes.txt", "shards/part-00000.parquet", "shards/mine"])
def test_a_folder_with_other_things_in_it_is_left_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / "g/shards").mkdir(parents=True)
    (tmp_path / "g" / name).write_text("mine")
    before = contents(tmp_path / "g")
    with pytest.raises(UsageError, match="holds other things"):
        build_gallery(SOURCE, PixelSpec(), tmp_path / "g", **SETTINGS)
    assert contents(tmp_path / "g") == before


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "area.tif").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        build_gallery(SOURCE, PixelSpec(), tmp_path / "area.tif", **SETTINGS)
    assert (tmp_path / "area.tif").read_text() == "mine"


def test_a_build_killed_before_its_plan_was_whole_begins_anew(built: Path, tmp_path: Path) -> None:
    (tmp_path / "g/shards").mkdir(parents=True)
    (tmp_path / "g/plan.parquet").write_bytes(b"of a source that has changed since")
    (tmp_path / "g/.build.json.999999.tmp").write_bytes(b"half")
    build_gallery(SOURCE, PixelSpec(), tmp_path / "g", **SETTINGS)
    assert contents(tmp_path / "g") == contents(built)


def test_a_spec_for_the_query_view_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="view='reference'"):
        build_gallery(SOURCE, SessionSpec(tmp_path), tmp_path / "g")


def test_a_source_without_tiles_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no tiles"):
        build_gallery(DrawnTiles(0), PixelSpec(), tmp_path / "g")

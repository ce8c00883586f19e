"""Several galleries answer as one; a part of one is handed over as a file."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from georet.cli import main
from georet.errors import DataError, IntegrityError, UsageError
from georet.facade import Gallery
from georet.gallery.joined import join_galleries
from georet.gallery.making.build import build_gallery
from georet.gallery.parting import cut_gallery, pack, unpack
from georet.gallery.stored import StoredGallery
from georet.gallery.verify import verify_gallery
from georet.ground.region import Region
from georet.locate import Locator
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet.testing.pixel_session import PixelSession
from georet.testing.tiny_run import tiny_run
from georet.train.checkpoint import load_checkpoint

NUM = 40


def quarter(number: int) -> DrawnTiles:
    return DrawnTiles(
        NUM,
        across=8,
        corner_latlon=(46.0 - 2 * (number // 2), 7.0 + 3 * (number % 2)),
        prefix=f"q{number}",
        seed=number,
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("parts")
    return [
        build_gallery(quarter(n), PixelSpec(), folder / f"q{n}.gallery", shard_size=15)
        for n in range(4)
    ]


@pytest.fixture(scope="module")
def atlas(parts: list[Path]) -> Path:
    out = parts[0].parent / "land.atlas"
    return join_galleries([StoredGallery.open(path) for path in parts], out)


@pytest.fixture(scope="module")
def whole(parts: list[Path]) -> Path:
    out = parts[0].parent / "whole.gallery"
    assert main(["gallery", "merge", *map(str, parts), "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("index", ["exact", "sign_bits"])
@pytest.mark.parametrize("box", [None, (6.9, 45.0, 8.0, 46.1), (6.0, 40.0, 20.0, 44.05)])
def test_a_joined_set_answers_as_one_built_whole(
    atlas: Path, whole: Path, index: str, box: tuple[float, float, float, float] | None
) -> None:
    region = None if box is None else Region.box(*box)
    photos = [quarter(number).read(5 + number) for number in range(4)]
    joined, built = (
        Locator(StoredGallery.open(path), PixelSession(), index=index).locate(
            photos, k=7, region=region
        )
        for path in (atlas, whole)
    )
    for one, other in zip(joined, built, strict=True):
        assert [c.id for c in one.candidates] == [c.id for c in other.candidates]
        scores = [[c.score for c in found.candidates] for found in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-6)
        assert one.latlon == pytest.approx(other.latlon, abs=1e-9)


def test_tiles_pictures_and_embeddings_are_those_of_the_parts(atlas: Path, whole: Path) -> None:
    joined, built = Gallery.open(atlas), Gallery.open(whole)
    assert list(joined.tiles.ids) == list(built.tiles.ids)
    assert np.array_equal(joined.embeddings, built.embeddings)
    assert joined.thumbnail(3 * NUM + 1) == built.thumbnail(3 * NUM + 1)
    rows = np.array([NUM, 2, 3 * NUM + 7])
    assert list(joined.tiles_at(rows).ids) == [built.tiles.ids[row] for row in rows]
    assert np.array_equal(joined.rows.take(rows), built.embeddings[rows])


def test_a_region_leaves_the_other_galleries_alone(atlas: Path, parts: list[Path]) -> None:
    away = parts[0].parent / "away"
    gallery = StoredGallery.open(atlas)
    locator = Locator(gallery, PixelSession(), index="sign_bits")
    shutil.move(str(parts[3] / "shards"), away)
    try:
        region = Region.box(6.9, 45.0, 8.0, 46.1)
        found = locator.locate([quarter(0).read(3)], region=region)[0]
        assert found.candidates[0].id == "q0-00003"
    finally:
        shutil.move(str(away), parts[3] / "shards")


def test_a_part_that_changed_is_refused_by_name(atlas: Path, parts: list[Path]) -> None:
    manifest = parts[2] / "gallery.json"
    before = manifest.read_bytes()
    try:
        other = build_gallery(quarter(7), PixelSpec(), parts[0].parent / "other.gallery")
        shutil.copyfile(other / "gallery.json", manifest)
        with pytest.raises(IntegrityError, match="not the gallery that was joined") as caught:
            _ = StoredGallery.open(atlas).tiles
        assert str(parts[2]) in str(caught.value)
        assert any("q2.gallery" in fault for fault in verify_gallery(atlas).faults)
    finally:
        manifest.write_bytes(before)
        shutil.rmtree(parts[0].parent / "other.gallery", ignore_errors=True)
    assert not verify_gallery(atlas).faults


def test_the_same_ids_are_refused_unless_prefixed(parts: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.gallery"
    shutil.copytree(parts[0], copy)
    both = [StoredGallery.open(parts[0]), StoredGallery.open(copy)]
    with pytest.raises(DataError, match=r"(?s)q0-00000.*--prefix"):
        join_galleries(both, tmp_path / "a")
    prefixed = StoredGallery.open(join_galleries(both, tmp_path / "b", prefixed=True))
    assert prefixed.tiles.ids[0] == "q0/q0-00000"
    assert prefixed.tiles_at(np.array([NUM])).ids[0] == "copy/q0-00000"


def test_a_set_is_found_again_where_it_is_moved_with_its_parts(
    atlas: Path, parts: list[Path], tmp_path: Path
) -> None:
    for path in (atlas, *parts):
        shutil.copytree(path, tmp_path / "disk" / path.name)
    assert len(StoredGallery.open(tmp_path / "disk" / atlas.name).tiles) == 4 * NUM


def test_a_cut_is_carried_as_one_file_and_locates_elsewhere(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "part.zip"
    region = "box:6.9,45.9,7.03,46.1"
    assert main(["gallery", "cut", str(whole), "--region", region, "--out", str(out)]) == 0
    carried = tmp_path / "elsewhere"
    assert main(["gallery", "unpack", str(out), "--out", str(carried)]) == 0
    assert f"georet locate {carried / 'gallery'}" in capsys.readouterr().out
    gallery = StoredGallery.open(carried / "gallery")
    assert 0 < len(gallery) < NUM
    found = Locator(gallery, PixelSession()).locate([quarter(0).read(1)])[0]
    assert found.candidates[0].id == "q0-00001"
    assert gallery.thumbnail(0) is not None


def test_a_region_without_tiles_and_a_place_that_is_taken_are_refused(
    whole: Path, tmp_path: Path
) -> None:
    gallery = StoredGallery.open(whole)
    with pytest.raises(DataError, match="no tile"):
        cut_gallery(gallery, Region.box(100, 10, 101, 11), tmp_path / "a")
    (tmp_path / "b").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        cut_gallery(gallery, Region.box(6, 40, 20, 50), tmp_path / "b")
    assert main(["gallery", "unpack", str(tmp_path / "none.zip"), "--out", "x"]) == 3


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "gallery/../../evil", "other/file", "gallery/link"]
)
def test_a_hostile_file_writes_nothing(name: str, parts: list[Path], tmp_path: Path) -> None:
    bundle = pack(parts[0], tmp_path / "good.zip")
    with zipfile.ZipFile(bundle, "a") as archive:
        entry = zipfile.ZipInfo(name)
        if name.endswith("link"):
            entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match="no file of a gallery"):
        unpack(bundle, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.zip"]


def test_a_file_that_would_grow_and_a_damaged_one_are_refused(
    parts: list[Path], tmp_path: Path
) -> None:
    bundle = pack(parts[0], tmp_path / "good.zip")
    content = bundle.read_bytes()
    with zipfile.ZipFile(bundle, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("gallery/zeros", b"\0" * 50_000_000)
    with pytest.raises(DataError, match="would unpack to"):
        unpack(bundle, tmp_path / "out")
    for cut in (10, len(content) // 2, len(content) - 5):
        bundle.write_bytes(content[:cut])
        # A part may end behind an archive within the archive, and look like that one.
        with pytest.raises((IntegrityError, DataError), match=r"no (whole )?bundle"):
            unpack(bundle, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_goes_along_in_the_file_is_whole_and_opens(
    parts: list[Path], tmp_path: Path
) -> None:
    run = tiny_run(tmp_path)
    file = pack(parts[0], tmp_path / "part.zip", run)
    out = unpack(file, tmp_path / "out")
    handed = load_checkpoint(out / "encoder")
    kept = load_checkpoint(run)
    assert all(handed.weights[name].equal(kept.weights[name]) for name in kept.weights)

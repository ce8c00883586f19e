"""A changed byte is found, in whatever file, and refused by the file's name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError, IntegrityError
from georet.facade import Gallery
from georet.gallery.files.additions import Additions
from georet.gallery.making.build import build_gallery
from georet.gallery.verify import verify_gallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a gallery with bad tiles, an index and a calibration."""
    out = tmp_path_factory.mktemp("verify") / "g"
    build_gallery(DrawnTiles(40, bad=(5,)), PixelSpec(), out, shard_size=15, bad_tile_quota=0.1)
    gallery = Gallery.open(out)
    gallery.save_addition("calibration.json", b'{"radius_90_m": 1200.0}')
    (out / "index/mine").mkdir(parents=True)
    (out / "index/mine/index").write_bytes(bytes(range(256)) * 8)
    Additions(out).vouch(["index/mine/index"])
    return out


def flipped(path: Path, rng: np.random.Generator) -> bytes:
    """Return a file's bytes with one bit changed."""
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    return bytes(content)


def test_a_whole_gallery_has_no_fault(whole: Path) -> None:
    found = verify_gallery(whole)
    assert found.faults == ()
    assert found.num_files == len([path for path in whole.rglob("*") if path.is_file()])


def test_two_hundred_flips_are_all_found_and_named(whole: Path) -> None:
    files = sorted(path for path in whole.rglob("*") if path.is_file())
    names = {path.relative_to(whole).as_posix() for path in files}
    assert {"gallery.json", "extras.json", "journal.jsonl", "plan.parquet"} < names
    assert {"bad_tiles.json", "calibration.json", "index/mine/index", "build.json"} < names
    rng, found = np.random.default_rng(0), 0
    for number in range(200):
        path = files[number % len(files)]
        before = path.read_bytes()
        path.write_bytes(flipped(path, rng))
        found += any(str(path) in fault for fault in verify_gallery(whole).faults)
        path.write_bytes(before)
    assert found == 200
    assert verify_gallery(whole).faults == ()


def test_other_white_space_in_a_manifest_is_found(whole: Path) -> None:
    for name in ("gallery.json", "extras.json"):
        before = (whole / name).read_bytes()
        (whole / name).write_bytes(before.replace(b"\n ", b"\n\t", 1))
        assert any(name in fault for fault in verify_gallery(whole).faults)
        (whole / name).write_bytes(before)


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def harm(path: Path) -> None:
    path.write_bytes(flipped(path, np.random.default_rng(1)))


def test_a_harmed_shard_is_refused_by_name_when_read(copy: Path) -> None:
    harm(copy / "shards/part-00001.parquet")
    gallery = Gallery.open(copy)
    with pytest.raises(IntegrityError, match=r"part-00001\.parquet"):
        gallery.thumbnail(20)
    assert gallery.thumbnail(0) is not None


def test_a_harmed_embedding_is_refused_by_the_name_of_its_shard(copy: Path) -> None:
    path, gallery = copy / "shards/part-00001.parquet", Gallery.open(copy)
    content = bytearray(path.read_bytes())
    content[gallery.manifest["shards"][1]["embeddings_at"] + 17] ^= 2
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"part-00001\.parquet"):
        _ = gallery.embeddings


@pytest.mark.parametrize("name", ["plan.parquet", "bad_tiles.json"])
def test_a_harmed_table_of_tiles_is_refused_by_name(name: str, copy: Path) -> None:
    harm(copy / name)
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        _ = Gallery.open(copy).tiles


def test_a_harmed_manifest_is_refused(copy: Path) -> None:
    harm(copy / "gallery.json")
    with pytest.raises(IntegrityError, match=r"gallery\.json"):
        Gallery.open(copy)


def test_a_harmed_or_swapped_extra_is_refused(copy: Path) -> None:
    gallery = Gallery.open(copy)
    harm(copy / "calibration.json")
    with pytest.raises(IntegrityError, match=r"calibration\.json"):
        gallery.read_addition("calibration.json")
    harm(copy / "extras.json")
    with pytest.raises(IntegrityError, match=r"extras\.json"):
        gallery.read_addition("index/mine/index")


def test_missing_and_unlisted_files_are_faults(copy: Path) -> None:
    (copy / "shards/part-00002.parquet").unlink()
    (copy / "index/mine/other").write_bytes(b"?")
    faults = verify_gallery(copy).faults
    assert len(faults) == 2
    assert "part-00002.parquet: is missing" in faults[0]
    assert "index/mine/other: is not listed" in faults[1]


def test_an_unfinished_gallery_is_no_gallery_yet(tmp_path: Path) -> None:
    build_gallery(DrawnTiles(20), PixelSpec(), tmp_path / "g", shard_size=5, shard=(1, 2))
    with pytest.raises(DataError, match="is not finished"):
        verify_gallery(tmp_path / "g")
    with pytest.raises(DataError, match="is no gallery"):
        verify_gallery(tmp_path)


def test_building_again_repairs_a_shard(whole: Path, copy: Path) -> None:
    harm(copy / "shards/part-00001.parquet")
    settings = {"shard_size": 15, "bad_tile_quota": 0.1}
    build_gallery(DrawnTiles(40, bad=(5,)), PixelSpec(), copy, **settings)
    assert verify_gallery(copy).faults == ()
    assert (copy / "gallery.json").read_bytes() == (whole / "gallery.json").read_bytes()

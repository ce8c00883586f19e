"""``Gallery``: the encoder that belongs to it, indexes that are kept, additions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import georet
from georet.errors import DataError, IntegrityError, PluginError, UsageError
from georet.facade import Gallery
from georet.gallery.making.build import build_gallery
from georet.gallery.verify import verify_gallery
from georet.plugins import Selection
from georet.sessions import SessionSpec
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet.testing.tiny_run import PLUGINS, tiny_run
from georet.tiles.tiling import Tiling


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    return tiny_run(folder)


@pytest.fixture(scope="module")
def of_run(run: Path, folder: Path) -> Gallery:
    """Return the gallery of a run's own tiles."""
    spec = SessionSpec(run, view="reference", selection=Selection.of(PLUGINS))
    tiling = Tiling(side_m=(1000.0,))
    return georet.Gallery.build(f"run:{run}", spec, folder / "g", tiling=tiling, shard_size=10)


@pytest.fixture
def drawn(tmp_path: Path) -> Gallery:
    return Gallery.open(build_gallery(DrawnTiles(30), PixelSpec(), tmp_path / "g", shard_size=12))


def test_importing_georet_brings_no_heavy_package() -> None:
    code = "import georet, sys; print({'numpy', 'torch', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_session_is_the_encoder_of_the_build(of_run: Gallery, run: Path) -> None:
    session = of_run.session("reference", plugins=PLUGINS)
    assert session.identity == of_run.encoder
    assert len(of_run) == 36
    assert of_run.session(plugins=PLUGINS).identity.view == "query"
    assert of_run.manifest["encoder_source"]["source"] == str(run.resolve())


def test_a_gallery_does_not_choose_which_modules_are_imported(of_run: Gallery) -> None:
    with pytest.raises(PluginError, match="loaded only when you name them"):
        of_run.session()


def test_photos_of_the_run_are_located_in_its_gallery(
    of_run: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEORET_PLUGINS", ",".join(PLUGINS))
    photos = sorted((folder / "data/reference").glob("*.jpg"))[:3]
    found = of_run.locate(photos, k=2)
    assert [len(location.candidates) for location in found] == [2, 2, 2]
    assert [location.candidates[0].row for location in found] == [0, 1, 2]


def test_another_encoder_is_refused_with_both_hashes(of_run: Gallery, folder: Path) -> None:
    other = tiny_run(folder, seed=1)
    with pytest.raises(UsageError) as caught:
        of_run.session(source=other, plugins=PLUGINS)
    session = SessionSpec(other, selection=Selection.of(PLUGINS)).open()
    assert session.identity.weights_sha256[:16] in str(caught.value)
    assert of_run.encoder.weights_sha256[:16] in str(caught.value)


def test_a_gallery_without_its_encoder_says_what_to_name(
    of_run: Gallery, run: Path, drawn: Gallery
) -> None:
    moved = run.rename(run.with_name("elsewhere"))
    try:
        with pytest.raises(DataError, match="--encoder") as caught:
            of_run.session()
        assert caught.value.where == str(run)
        assert (
            of_run.session(source=moved, plugins=PLUGINS).identity.embed_dim
            == of_run.encoder.embed_dim
        )
    finally:
        moved.rename(run)
    with pytest.raises(UsageError, match="doesn't say where its encoder is"):
        drawn.session()


def test_the_exact_index_needs_no_plugin_and_is_not_kept(drawn: Gallery) -> None:
    index = drawn.index("exact", plugins=["none"])
    scores, ids = index.search(drawn.embeddings[:4], 3)
    assert ids[:, 0].tolist() == [0, 1, 2, 3]
    assert np.allclose(scores[:, 0], 1)
    assert not (drawn.path / "index").exists()


def test_an_index_with_options_is_made_and_not_kept(drawn):
    index = drawn.index("sign_bits?num_bits=512&seed=3", plugins=["none"])
    assert (index.num_bits, index.seed) == (512, 3)
    assert not [name for name in Gallery.open(drawn.path).additions if "sign_bits" in name]
    with pytest.raises(UsageError, match="num_bitz"):
        drawn.index("sign_bits?num_bitz=512", plugins=["none"])


def test_another_index_is_kept_and_loaded_again(drawn: Gallery) -> None:
    first = drawn.index("sign_bits", plugins=["none"]).search(drawn.embeddings, 3)
    kept = [name for name in drawn.additions if name.startswith("index/")]
    assert kept
    before = {name: (drawn.path / name).stat().st_mtime_ns for name in kept}
    again = Gallery.open(drawn.path).index("sign_bits", plugins=["none"])
    assert np.array_equal(again.search(drawn.embeddings, 3)[1], first[1])
    assert {name: (drawn.path / name).stat().st_mtime_ns for name in kept} == before
    assert verify_gallery(drawn.path).faults == ()


def test_an_index_that_can_not_be_kept_searches_all_the_same(
    drawn: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    from georet.gallery import indexes

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(indexes, "_keep", full)
    ids = drawn.index("sign_bits", plugins=["none"]).search(drawn.embeddings, 1)[1]
    assert ids[:, 0].tolist() == list(range(30))
    assert drawn.additions == ()


def test_a_manifest_that_lists_files_elsewhere_reads_none_of_them(
    drawn: Gallery, tmp_path: Path
) -> None:
    from georet.files import file_entry
    from georet.gallery.files.manifest import read_sealed, write_sealed

    (tmp_path / "secret").write_bytes(b"?")
    path = drawn.path / "gallery.json"
    manifest = read_sealed(path)
    for name in ("../secret", str(tmp_path / "secret")):
        files = {**manifest["files"], name: file_entry(tmp_path / "secret")}
        write_sealed(path, {**manifest, "files": files})
        with pytest.raises(IntegrityError):
            Gallery.open(drawn.path).read(name)
        assert len(verify_gallery(drawn.path).faults) == 1


def test_a_harmed_index_is_refused_by_name(drawn: Gallery) -> None:
    drawn.index("sign_bits", plugins=["none"])
    assert len(drawn.additions) > 1
    for name in drawn.additions:
        path = drawn.path / name
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 4]))
        with pytest.raises(IntegrityError) as caught:
            drawn.index("sign_bits", plugins=["none"])
        assert caught.value.where == str(path)
        path.write_bytes(before)


def test_an_index_of_another_state_of_the_gallery_is_made_again(
    drawn: Gallery, tmp_path: Path
) -> None:
    drawn.index("sign_bits", plugins=["none"])
    settings = {"shard_size": 12}
    other = build_gallery(DrawnTiles(30, seed=1), PixelSpec(), tmp_path / "other", **settings)
    shutil.copytree(drawn.path / "index", other / "index")
    shutil.copy(drawn.path / "extras.json", other / "extras.json")
    gallery = Gallery.open(other)
    assert gallery.additions == ()
    ids = gallery.index("sign_bits", plugins=["none"]).search(gallery.embeddings, 1)[1]
    assert ids[:, 0].tolist() == list(range(30))
    assert verify_gallery(other).faults == ()


def test_additions_are_read_back_and_replaced(drawn: Gallery) -> None:
    assert drawn.read_addition("calibration.json") is None
    drawn.save_addition("calibration.json", b"one")
    drawn.save_addition("notes/mine.txt", b"hello")
    drawn.save_addition("calibration.json", b"two")
    assert drawn.read_addition("calibration.json") == b"two"
    assert set(drawn.additions) == {"calibration.json", "notes/mine.txt"}
    assert verify_gallery(drawn.path).faults == ()


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "gallery.json", "shards/x", "", "a/../../x", "..\\x", "extras.json"]
)
def test_additions_stay_in_the_gallery_and_off_its_own_files(name: str, drawn: Gallery) -> None:
    before = sorted(drawn.path.parent.rglob("*"))
    with pytest.raises(UsageError, match="can't be the name"):
        drawn.save_addition(name, b"?")
    assert sorted(drawn.path.parent.rglob("*")) == before


def test_a_gallery_in_another_format_is_refused(drawn: Gallery) -> None:
    from georet.gallery.files.manifest import read_sealed, write_sealed

    path = drawn.path / "gallery.json"
    write_sealed(path, {**read_sealed(path), "format": 2})
    with pytest.raises(IntegrityError, match="is in format 2, this georet reads 1"):
        Gallery.open(drawn.path)


def test_the_manifest_says_what_the_gallery_was_made_of(drawn: Gallery) -> None:
    values = json.loads((drawn.path / "gallery.json").read_text())
    assert values["settings"]["source"]["kind"] == "drawn"
    assert values["settings"]["encoder"]["backend"] == "pixels"
    assert values["georet"] == georet.version.__version__
    assert sum(shard["rows"] for shard in values["shards"]) == values["num_tiles"] == 30

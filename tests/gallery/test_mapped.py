"""Galleries that are too large for memory answer as small ones do, and read what they need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.errors import IntegrityError
from georet.facade import Gallery
from georet.gallery import contents
from georet.gallery.mapped import MappedRows
from georet.gallery.verify import verify_gallery
from georet.identity import EncoderIdentity
from georet.locate import Locator
from georet.search.blocks import BLOCK
from georet.testing.drawn_tiles import DrawnTiles
from georet.testing.pixel_session import PixelSession
from georet.types import Floats

NUM = 3000
INDEXES = ("exact", "sign_bits", "faiss_ivf_pq", "faiss_ivf_sq8")


@pytest.fixture(scope="module")
def identity() -> EncoderIdentity:
    return PixelSession().identity


@pytest.fixture(scope="module")
def embeddings(identity: EncoderIdentity) -> Floats:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(40, identity.embed_dim))[np.arange(NUM) % 40] + 0.7 * rng.normal(
        size=(NUM, identity.embed_dim)
    )
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=["fp32", "fp16", "int8"])
def folder(
    request: pytest.FixtureRequest, identity: EncoderIdentity, embeddings: Floats, tmp_path: Path
) -> Path:
    tiles = DrawnTiles(NUM, across=60).tiles()
    Gallery.from_arrays(
        tmp_path / "g", tiles, embeddings, identity, None, request.param, shard_size=700
    )
    return tmp_path / "g"


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "IN_MEMORY", 0)


def test_rows_and_blocks_on_disk_are_those_in_memory(folder: Path, on_disk: None) -> None:
    gallery, whole = Gallery.open(folder), Gallery.open(folder).embeddings
    rows = gallery.rows
    assert isinstance(rows, MappedRows)
    some = np.array([NUM - 1, 0, 699, 700, 5, 5])
    assert np.array_equal(rows.take(some), whole[some])
    assert np.array_equal(np.concatenate([part.copy() for _, part in rows.blocks()]), whole)


@pytest.mark.parametrize("name", INDEXES)
def test_every_index_answers_from_disk_as_from_memory(
    folder: Path, embeddings: Floats, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.startswith("faiss"):
        pytest.importorskip("faiss")
    region = np.arange(NUM) % 3 == 0
    inside = Gallery.open(folder).index(name)
    wanted = [inside.search(embeddings[:9], 12), inside.search(embeddings[:9], 12, region)]
    monkeypatch.setattr(contents, "IN_MEMORY", 0)
    # Once more, the index is loaded from where the first one was kept.
    outside = Gallery.open(folder).index(name)
    found = [outside.search(embeddings[:9], 12), outside.search(embeddings[:9], 12, region)]
    for (scores, ids), (own_scores, own_ids) in zip(found, wanted, strict=True):
        assert np.array_equal(ids, own_ids)
        assert np.array_equal(scores, own_scores)


def test_an_index_built_from_disk_is_the_one_built_in_memory(
    folder: Path, embeddings: Floats, on_disk: None
) -> None:
    gallery = Gallery.open(folder)
    built = gallery.index("sign_bits").search(embeddings[:5], 7)
    kept = Gallery.open(folder).index("sign_bits").search(embeddings[:5], 7)
    exact = gallery.index("exact").search(embeddings[:5], 7)
    assert np.array_equal(built[1], kept[1])
    assert np.mean(built[1] == exact[1]) > 0.95
    assert not list(folder.rglob("embeddings.npy")), "rows are not kept twice"


def test_a_photo_is_located_from_disk_as_from_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = DrawnTiles(NUM, across=60).read(7)
    for index in ("exact", "sign_bits"):
        inside = Locator(Gallery.open(folder), PixelSession(), index=index).locate([photo])[0]
        with monkeypatch.context() as patch:
            patch.setattr(contents, "IN_MEMORY", 0)
            gallery = Gallery.open(folder)
            outside = Locator(gallery, PixelSession(), index=index).locate([photo])[0]
            assert "embeddings" not in gallery.contents.__dict__
            assert "tiles" not in gallery.contents.__dict__
        assert outside.latlon == pytest.approx(inside.latlon, abs=1e-9)
        assert [one.id for one in outside.candidates] == [one.id for one in inside.candidates]
        assert outside.candidates[0].corners_latlon == inside.candidates[0].corners_latlon


def test_centres_and_single_tiles_are_those_of_the_table(folder: Path) -> None:
    gallery, tiles = Gallery.open(folder), Gallery.open(folder).tiles
    latlon, side_m = gallery.centres
    assert np.array_equal(latlon, tiles.latlon)
    assert np.array_equal(side_m, tiles.side_m)
    rows = np.array([2000, 3, 700, 2999])
    some = gallery.tiles_at(rows)
    assert list(some.ids) == [tiles.ids[row] for row in rows]
    assert np.array_equal(some.corners_latlon, tiles.corners_latlon[rows])


def test_damage_is_refused_where_it_is_touched_and_found_elsewhere_by_verify(
    folder: Path, on_disk: None
) -> None:
    shard = folder / "shards/part-00001.parquet"
    gallery = Gallery.open(folder)
    entry = gallery.manifest["shards"][1]
    rng, width = np.random.default_rng(0), gallery.rows.take(np.arange(1)).shape[1]
    size = {"fp32": 4, "fp16": 2, "int8": 1}[gallery.manifest["settings"]["storage"]]
    whole = shard.read_bytes()
    for row in rng.integers(0, 700, 20).tolist():
        at = entry["embeddings_at"] + row * width * size + int(rng.integers(0, width * size))
        shard.write_bytes(whole[:at] + bytes([whole[at] ^ 8]) + whole[at + 1 :])
        opened = Gallery.open(folder)
        opened.rows.take(np.array([0, 1400]))
        with pytest.raises(IntegrityError, match=rf"block {at // BLOCK}.*") as caught:
            opened.rows.take(np.array([700 + row]))
        assert str(shard) in str(caught.value)
        assert any("part-00001" in fault for fault in verify_gallery(folder).faults)
    shard.write_bytes(whole)
    assert not verify_gallery(folder).faults


def test_a_gallery_without_block_hashes_is_read_as_a_whole(
    folder: Path, embeddings: Floats, on_disk: None
) -> None:
    gallery = Gallery.open(folder)
    for shard in gallery.manifest["shards"]:
        del shard["embeddings_at"]
    gallery.manifest["files"] = {
        name: entry
        for name, entry in gallery.manifest["files"].items()
        if not name.startswith("blocks/")
    }
    assert gallery.contents.mapped is None
    assert np.abs(gallery.rows.take(np.arange(NUM)) - embeddings).max() < 0.02
    assert len(gallery.centres[1]) == NUM

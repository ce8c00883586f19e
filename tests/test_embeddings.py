"""Whatever executes an encoder, what it returns is checked before it is used."""

from __future__ import annotations

import numpy as np
import pytest

from georet.embeddings import embed, embed_some
from georet.errors import ComponentError, DataError
from georet.facade import Gallery
from georet.gallery.making.build import build_gallery
from georet.locate import Locator
from georet.testing.drawn_tiles import DrawnTiles
from georet.testing.pixel_session import PixelSession
from georet.types import REFERENCE

LIES = {
    "a row fewer": lambda rows: rows[:-1],
    "one row": lambda rows: rows[:1],
    "a row more": lambda rows: np.concatenate([rows, rows[:1]]),
    "twice as wide": lambda rows: np.concatenate([rows, rows], axis=1),
    "one dimension": lambda rows: rows.ravel(),
    "a list": lambda rows: rows.tolist(),
    "nothing": lambda rows: None,
    "whole numbers": lambda rows: (rows * 100).astype(np.int64),
    "complex numbers": lambda rows: rows.astype(np.complex64),
    "not a number": lambda rows: rows * np.where(np.arange(len(rows)) == 1, np.nan, 1)[:, None],
    "infinity": lambda rows: rows / np.where(np.arange(len(rows)) == 1, 0, 1)[:, None],
    "zero": lambda rows: rows * (np.arange(len(rows)) != 1)[:, None],
    "three times as long": lambda rows: rows * 3,
    "another order": lambda rows: rows[::-1],
    "the first for all": lambda rows: np.repeat(rows[:1], len(rows), axis=0),
}


class Liar(PixelSession):
    """Returns what ``lie`` makes of the right embeddings."""

    lie = staticmethod(lambda rows: rows)

    def embed(self, images, /):
        rows = super().embed(images)
        with np.errstate(all="ignore"):
            return self.lie(rows) if len(rows) > 1 else rows


def liar(lie, view="query"):
    session = Liar(view=view)
    session.lie = lie
    return session


@pytest.fixture
def images():
    size = PixelSession().identity.size
    return np.random.default_rng(0).integers(0, 256, (4, *size, 3), dtype=np.uint8)


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_embedding_for_each_image_names_the_back_end(lie, images):
    with pytest.raises(DataError) as caught:
        embed(liar(LIES[lie]), images)
    assert "pixel" in str(caught.value.where)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_real_numbers_become_fp32(dtype, images):
    found = embed(liar(lambda rows: rows.astype(dtype)), images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, PixelSession().embed(images), atol=1e-3)


def test_a_buffer_that_is_used_again_does_not_change_earlier_embeddings(images):
    buffer = np.zeros((4, PixelSession().identity.embed_dim), np.float32)

    def into_buffer(rows):
        buffer[:] = rows
        return buffer

    session = liar(into_buffer)
    first = embed(session, images)
    kept = first.copy()
    embed(session, images[::-1])
    np.testing.assert_array_equal(first, kept)


def test_single_images_without_direction_can_be_left_out(images):
    rows, is_good = embed_some(liar(LIES["zero"]), images)
    assert is_good.tolist() == [True, False, True, True]
    assert rows.shape[0] == 4


class LyingOpener:
    def __init__(self, lie):
        self.lie = lie

    def open(self):
        return liar(LIES[self.lie], REFERENCE)


@pytest.mark.parametrize("lie", LIES)
def test_no_gallery_is_sealed_from_a_lying_back_end(lie, tmp_path):
    out = tmp_path / "g.gallery"
    with pytest.raises(DataError) as caught:
        build_gallery(DrawnTiles(12), LyingOpener(lie), out, shard_size=8, batch_size=4)
    assert "back end" in str(caught.value)
    with pytest.raises(DataError):
        Gallery.open(out)


@pytest.mark.parametrize("lie", ["not a number", "infinity", "zero", "a row fewer"])
def test_no_photo_is_located_by_a_lying_back_end(lie, tmp_path, images):
    class Honest:
        def open(self):
            return PixelSession(view=REFERENCE)

    out = tmp_path / "g.gallery"
    build_gallery(DrawnTiles(12), Honest(), out, shard_size=8, batch_size=4)
    locator = Locator(Gallery.open(out), liar(LIES[lie]))
    with pytest.raises(DataError, match="back end"):
        locator.locate(list(images))


def test_a_back_end_that_raises_is_named_with_what_it_said(images):
    class Broken(PixelSession):
        def embed(self, images, /):
            raise ZeroDivisionError("the kernel divided by zero")

    with pytest.raises(ComponentError, match="ZeroDivisionError: the kernel") as caught:
        embed(Broken(), images)
    assert Broken().identity.backend in str(caught.value)

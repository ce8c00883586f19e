"""Indexes on disk: what was saved comes back, what was changed is refused."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import DataError, IntegrityError
from georet.plugins import load_plugins
from georet.search.exact import ExactIndex
from georet.search.sign_bits import SignBits


@pytest.fixture
def saved(small_world, tmp_path):
    index = SignBits(num_bits=256, oversampling=5, exact_below=1)
    index.add(small_world.tiles, small_world.ids)
    index.save(tmp_path / "bits")
    return index, tmp_path / "bits"


def test_a_loaded_index_answers_alike_with_the_saved_options(saved, small_world):
    index, path = saved
    loaded = SignBits()
    loaded.load(path)
    assert loaded.options() == index.options()
    for region in (None, small_world.box_of(0.5)):
        for a, b in zip(
            loaded.search(small_world.queries, 6, region),
            index.search(small_world.queries, 6, region),
            strict=True,
        ):
            assert np.array_equal(a, b)


def test_saving_again_replaces_the_index_and_gives_the_same_bytes(saved):
    index, path = saved
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    index.save(path)
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before


def test_nothing_else_is_replaced(saved, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("precious")
    with pytest.raises(DataError, match="is no index"):
        saved[0].save(tmp_path / "mine")
    assert (tmp_path / "mine" / "precious.txt").read_text() == "precious"


def test_one_flipped_bit_anywhere_is_refused_by_name(saved):
    path = saved[1]
    rng = np.random.default_rng(0)
    files = sorted(p for p in path.iterdir() if p.name != "manifest.json")
    for file in files:
        content = file.read_bytes()
        for place in rng.integers(0, len(content), 5):
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(8))
            file.write_bytes(changed)
            with pytest.raises(IntegrityError) as caught:
                SignBits().load(path)
            assert caught.value.where == str(file)
            assert "Delete the folder" in str(caught.value)
        file.write_bytes(content)
    SignBits().load(path)


def test_a_missing_file_or_manifest_is_refused(saved):
    (saved[1] / "planes.npz").unlink()
    with pytest.raises(IntegrityError, match=r"planes\.npz"):
        SignBits().verify(saved[1])
    (saved[1] / "manifest.json").unlink()
    with pytest.raises(IntegrityError, match="manifest"):
        SignBits().verify(saved[1])


def test_another_kind_of_index_is_refused(saved):
    with pytest.raises(DataError, match="holds an index 'sign_bits'"):
        ExactIndex().load(saved[1])


def test_the_core_declares_them_with_their_options():
    catalog = load_plugins(["none"]).catalog
    assert [entry.id for entry in catalog.entries("indexes")] == ["core:exact", "core:sign_bits"]
    assert isinstance(catalog.create("indexes", "exact"), ExactIndex)

"""The indexes of faiss: recall inside regions of all sizes, exact scores, small galleries."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import ConfigError, DataError, IntegrityError
from georet.search.exact import ExactIndex
from georet.testing import check_index, check_index_regions, check_plugin
from georet_faiss.flat import Flat
from georet_faiss.ivf import IvfPq, IvfSq8

APPROXIMATE = [IvfSq8, IvfPq]


def recall(found, exact):
    return np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, exact, strict=True)])


def built(index, tiles):
    index.add(tiles, np.arange(len(tiles)))
    return index


def test_the_plugin_declares_what_it_brings():
    catalog = check_plugin("faiss").catalog
    names = [entry.id for entry in catalog.entries("indexes") if entry.owner.name == "faiss"]
    assert names == ["faiss:faiss_flat", "faiss:faiss_ivf_sq8", "faiss:faiss_ivf_pq"]


@pytest.mark.parametrize("make", [Flat, *APPROXIMATE])
def test_it_keeps_the_contract_of_indexes(make):
    check_index(make)


@pytest.mark.parametrize("make", APPROXIMATE)
def test_it_keeps_the_contract_without_exact_scans_and_in_odd_dimensions(make):
    check_index(lambda: make(exact_below=1), embed_dim=21)


@pytest.mark.parametrize(
    "make",
    [Flat, *APPROXIMATE, *(lambda m=m: m(exact_below=1) for m in APPROXIMATE)],
    ids=["flat", "sq8", "pq", "sq8_never_exact", "pq_never_exact"],
)
def test_it_keeps_its_recall_in_regions_of_all_sizes_and_at_the_edges_of_the_map(make):
    check_index_regions(make)


@pytest.mark.parametrize("make", APPROXIMATE)
@pytest.mark.parametrize("options", [{}, {"exact_below": 1}], ids=["as_it_is", "never_exact"])
def test_regions_of_all_sizes_keep_recall(world, make, options):
    tiles, queries, latlon = world
    exact, index = built(ExactIndex(), tiles), built(make(**options), tiles)
    away = np.abs(latlon - latlon[77]).max(axis=1)
    for share in (0.001, 0.01, 0.1, 0.5):
        region = away <= np.quantile(away, share)
        wanted, found = (one.search(queries, 10, region) for one in (exact, index))
        assert recall(found[1], wanted[1]) >= 0.99, share
        same = found[1] == wanted[1]
        assert (found[0][same] == wanted[0][same]).all()


@pytest.mark.parametrize("make", APPROXIMATE)
def test_without_a_region_recall_is_high(world, make):
    tiles, queries, _ = world
    found, wanted = (built(m(), tiles).search(queries, 10)[1] for m in (make, ExactIndex))
    assert recall(found, wanted) >= 0.97


@pytest.mark.parametrize("make", APPROXIMATE)
def test_it_does_not_scan_everything(world, make):
    tiles, queries, _ = world
    index = built(make(nlist=100, nprobe=3), tiles)
    assert index.note == "3 of 100 lists"
    assert (
        recall(index.search(queries, 10)[1], built(ExactIndex(), tiles).search(queries, 10)[1]) < 1
    )


@pytest.mark.parametrize("make", APPROXIMATE)
@pytest.mark.parametrize("num_rows", [0, 1, 50])
def test_too_few_rows_to_train_on_are_searched_exactly(world, make, num_rows, tmp_path):
    tiles, queries, _ = world
    index = built(make(), tiles[:num_rows])
    assert "exact: fewer rows than" in index.note
    index.save(tmp_path / "few")
    loaded = make()
    loaded.load(tmp_path / "few")
    wanted = built(ExactIndex(), tiles[:num_rows]).search(queries, 3)[1]
    assert np.array_equal(index.search(queries, 3)[1], wanted)
    assert np.array_equal(loaded.search(queries, 3)[1], wanted)


@pytest.mark.parametrize("make", APPROXIMATE)
def test_building_twice_gives_the_same_bytes(world, make, tmp_path):
    for name in ("a", "b"):
        built(make(seed=5), world[0][:3000]).save(tmp_path / name)
    first, second = ((tmp_path / name / "index.faiss").read_bytes() for name in ("a", "b"))
    assert first == second


def test_a_flipped_bit_is_refused_before_faiss_sees_it(world, tmp_path, monkeypatch):
    built(IvfSq8(), world[0][:2000]).save(tmp_path / "index")
    file = tmp_path / "index" / "index.faiss"
    content = bytearray(file.read_bytes())
    index = IvfSq8()

    def parse(_):
        raise AssertionError("faiss parsed a file that was changed")

    monkeypatch.setattr(index._faiss, "deserialize_index", parse)
    for place in np.random.default_rng(0).integers(0, len(content), 40):
        content[place] ^= 8
        file.write_bytes(content)
        with pytest.raises(IntegrityError, match=r"index\.faiss"):
            index.load(tmp_path / "index")
        content[place] ^= 8


def test_an_index_of_another_kind_is_refused(world, tmp_path):
    built(IvfSq8(), world[0][:2000]).save(tmp_path / "index")
    with pytest.raises(DataError, match="holds an index 'faiss_ivf_sq8'"):
        IvfPq().load(tmp_path / "index")


def test_codes_are_smaller_than_embeddings(world):
    tiles = world[0]
    assert built(IvfSq8(), tiles).num_bytes < 0.6 * tiles.nbytes
    assert built(IvfPq(), tiles).num_bytes < 0.35 * tiles.nbytes
    assert built(Flat(), tiles).num_bytes == 0


@pytest.mark.parametrize("options", [{"nlist": 0}, {"nprobe": -1}, {"oversampling": 0}])
def test_options_without_sense_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        IvfSq8(**options)

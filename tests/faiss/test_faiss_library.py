"""faiss itself: one distribution at a time, and GPUs only where there are some."""

from __future__ import annotations

import importlib.metadata
from types import SimpleNamespace

import numpy as np
import pytest

from georet.errors import MissingExtraError, UsageError
from georet.search.exact import ExactIndex
from georet_faiss import library
from georet_faiss.flat import Flat
from georet_faiss.ivf import IvfSq8


def pretend_installed(monkeypatch, *names):
    def distribution(name):
        if name not in names:
            raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)


def test_two_distributions_at_once_are_named(monkeypatch):
    pretend_installed(monkeypatch, "faiss-cpu", "faiss-gpu")
    with pytest.raises(
        UsageError, match="faiss-cpu and faiss-gpu are installed together"
    ) as caught:
        Flat()
    assert "pip uninstall -y faiss-cpu faiss-gpu" in str(caught.value)


def test_a_missing_faiss_names_the_extra(monkeypatch):
    pretend_installed(monkeypatch)
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"georet\[search\]"):
        library.load_faiss()


def gpu_of(faiss, *, log, num_gpus=1, error=None, loses_rows=False):
    """The module as a machine with GPUs would show it; the copy is the index itself."""

    def index_cpu_to_gpu(resources, device, index):
        log.append((resources, device))
        if error is not None:
            raise error
        return SimpleNamespace(ntotal=0) if loses_rows else index

    names = ("IndexFlatIP", "METRIC_INNER_PRODUCT", "knn", "IndexIVFScalarQuantizer")
    names += ("ScalarQuantizer", "SearchParametersIVF", "IDSelectorBitmap", "rev_swig_ptr")
    return SimpleNamespace(
        get_num_gpus=lambda: num_gpus,
        StandardGpuResources=lambda: "resources",
        index_cpu_to_gpu=index_cpu_to_gpu,
        **{name: getattr(faiss, name) for name in names},
    )


@pytest.mark.parametrize("make", [Flat, IvfSq8])
def test_a_gpu_is_used_where_there_is_one(world, make, monkeypatch):
    tiles, queries, _ = world
    log = []
    index = make()
    index._faiss = gpu_of(index._faiss, log=log)
    index.add(tiles[:3000], np.arange(3000))
    assert log == [("resources", 0)]
    assert "on the GPU" in index.note
    exact = ExactIndex()
    exact.add(tiles[:3000], np.arange(3000))
    assert np.array_equal(index.search(queries, 5)[1], exact.search(queries, 5)[1])


@pytest.mark.parametrize(
    "fault", [{"num_gpus": 0}, {"error": RuntimeError("no memory")}, {"loses_rows": True}]
)
def test_without_a_usable_gpu_the_cpu_searches(world, fault):
    tiles, queries, _ = world
    log = []
    index = Flat()
    index._faiss = gpu_of(index._faiss, log=log, **fault)
    index.add(tiles[:500], np.arange(500))
    assert log == ([] if fault.get("num_gpus") == 0 else [("resources", 0)])
    assert index.note == ""
    assert (index.search(queries, 5)[1] >= 0).all()


def test_a_build_without_gpu_code_has_none():
    assert library.num_gpus(SimpleNamespace()) == 0

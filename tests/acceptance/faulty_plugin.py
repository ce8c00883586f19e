"""A plugin with a component of each kind that does wrong what its option ``fault`` says."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

from georet import Component, hookimpl
from georet.contracts.encoding import Affine
from georet.contracts.tracking import Fix
from georet.evaluate import Protocol
from georet.testing.pixel_session import PixelSession
from georet.testing.tiny import TinyDataset
from georet.tiles.table import TileTable
from georet.types import BatchPlan


class Odd:
    """Does wrong what ``fault`` says, wherever it is asked for something."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def spoil(self, value, **instead):
        if self.fault == "raises":
            raise KeyError("lost")
        if self.fault == "exits":
            sys.exit(3)
        if self.fault == "hangs":
            time.sleep(1.0)
        if self.fault == "none":
            return None
        return instead.get(self.fault, value)


class Aggregator(torch.nn.Module):
    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.odd = Odd(fault)

    def forward(self, maps, token=None):
        features = maps.mean(dim=(2, 3))
        return self.odd.spoil(features, shape=features[:1], type=features.int())


class Fit(Odd):
    def __call__(self, embeddings, pairs):
        dim = next(iter(embeddings.values())).shape[1]

        def all_views(affine):
            return dict.fromkeys(embeddings, affine)

        return self.spoil(
            all_views(Affine(np.eye(dim), np.zeros(dim))),
            shape=all_views(Affine(np.eye(dim + 1), np.zeros(dim + 1))),
            type=all_views(np.eye(dim)),
            nan=all_views(Affine(np.full((dim, dim), np.nan), np.zeros(dim))),
            views={"tile": Affine(np.eye(dim), np.zeros(dim))},
        )


class Optimizer(Odd):
    def __call__(self, groups):
        right = torch.optim.SGD(groups, lr=0.1)
        some = torch.optim.SGD([torch.zeros(1)], lr=0.1)
        return self.spoil(right, type=groups, forgets=some)


class Schedule(Odd):
    def __call__(self, moment):
        return self.spoil(1.0, type="1", nan=float("nan"), negative=-1.0)


def protocol(fault: str = ""):
    odd = Odd(fault)

    def metric(ranking):
        return odd.spoil({"mine": 1.0}, nan={"mine": float("nan")}, type={"mine": "much"})

    return Protocol("odd", "odd", (metric,))


class Tiles(Odd):
    def tiles(self):
        centre = np.array([[47.0, 8.0]])
        corners = centre[:, None] + 0.001 * np.array([(1, -1), (1, 1), (-1, 1), (-1, -1)])
        return TileTable(["a"], centre, corners, np.full(1, 200.0))

    def read(self, row):
        grey = np.zeros((8, 8), np.uint8)
        return self.spoil(np.zeros((8, 8, 3), np.uint8), shape=grey, type=np.zeros((8, 8, 3)))

    def describe(self):
        return {"kind": "odd"}


class Source(Odd):
    @staticmethod
    def matches(text):
        return text.endswith(".odd")

    def open(self, text, tiling):
        return Tiles(self.fault)


class Refiner(Odd):
    max_candidates = 3

    def __call__(self, photo, tiles):
        from georet.contracts.refining import Refinement

        if self.fault == "nan":
            return Refinement(latlon=(float("nan"), 8.0), covariance_m2=np.eye(2), tile=0)
        beyond = Refinement(latlon=(47.0, 8.0), covariance_m2=np.eye(2), tile=len(tiles))
        return self.spoil(Refinement.refused("no"), shape=beyond, type=(47.0, 8.0))


class Reranker(Odd):
    max_candidates = 3

    def __call__(self, photo, candidates):
        from georet.contracts.searching import Reranked

        num = len(candidates)
        return self.spoil(
            np.arange(num),
            shape=np.arange(num + 1),
            type="first",
            scores=Reranked(np.arange(num), np.zeros(num + 1)),
        )


class Tracker(Odd):
    def __call__(self, ground, frames):
        if self.fault == "nan":
            return [Fix((47.0, 8.0), np.full((2, 2), np.nan)) for _ in frames]
        fixes = [Fix((47.0, 8.0), np.eye(2)) for _ in frames]
        return self.spoil(fixes, shape=fixes[1:], type=[(47.0, 8.0) for _ in frames])


class Output(Odd):
    suffixes = (".odd",)

    def write(self, path, located):
        self.spoil(None)


class Executor(Odd):
    def run(self, build):
        self.spoil(None)


class Index(Odd):
    def add(self, embeddings, ids):
        self.spoil(None)

    def search(self, queries, k, region=None):
        scores = np.ones((len(queries), k), np.float32)
        ids = np.zeros((len(queries), k), np.int64)
        return self.spoil(
            (scores, ids),
            shape=(scores[:1], ids[:1]),
            type=(scores, scores),
            nan=(scores * np.float32("nan"), ids),
            ids=(scores, ids - 5),
        )

    def save(self, path):
        self.spoil(None)

    def load(self, path):
        self.spoil(None)

    def verify(self, path):
        self.spoil(None)


class Sampler(Odd):
    def wants_bank(self, epoch):
        return "everything" if self.fault == "word" else None

    def plan(self, epoch, pairs, bank, *, batch_size, seed):
        rows = np.arange(len(pairs)).reshape(-1, batch_size)

        def plan(batches):
            return BatchPlan(batches, epoch, seed, "odd")

        return self.spoil(
            plan(rows), shape=plan(rows[:, 1:]), type=plan(rows / 2), twice=plan(0 * rows)
        )


class Dataset(Odd):
    def train(self):
        return self.spoil(self.tiny().train(), type=[1, 2])

    def evaluations(self):
        found = self.tiny().evaluations()
        if self.fault == "rows":
            found["held-out"].positives[:] = 10**6
        return {"a": "set"} if self.fault == "sets" else found

    def tiny(self):
        import tempfile

        return TinyDataset(root=Path(tempfile.mkdtemp()), num_places=4, size=8)


class Exporter(Odd):
    def export(self, encoder, spec, path):
        return self.spoil(path, type="a text")


class Backend(Odd):
    def refuses(self, artefact):
        return None

    def open(self, artefact, view, *, threads=None):
        self.fault = (artefact / "fault").read_text()
        return Session(self.fault)


class Session(PixelSession):
    def __init__(self, fault):
        super().__init__()
        self.odd = Odd(fault)

    def embed(self, images):
        rows = super().embed(images)
        rows[:, 0] += 1e-3
        return self.odd.spoil(rows, shape=rows[:1], type=rows.tolist(), nan=rows * np.nan)


@hookimpl
def georet_aggregators():
    yield Component("odd", Aggregator)


@hookimpl
def georet_fits():
    yield Component("odd", Fit)


@hookimpl
def georet_optimizers():
    yield Component("odd", Optimizer)


@hookimpl
def georet_schedules():
    yield Component("odd", Schedule)


@hookimpl
def georet_protocols():
    yield Component("odd", protocol)


@hookimpl
def georet_sources():
    yield Component("odd", Source)


@hookimpl
def georet_refiners():
    yield Component("odd", Refiner)


@hookimpl
def georet_rerankers():
    yield Component("odd", Reranker)


@hookimpl
def georet_trackers():
    yield Component("odd", Tracker)


@hookimpl
def georet_outputs():
    yield Component("odd", Output)


@hookimpl
def georet_executors():
    yield Component("odd", Executor)


@hookimpl
def georet_indexes():
    yield Component("odd", Index)


@hookimpl
def georet_samplers():
    yield Component("odd", Sampler)


@hookimpl
def georet_datasets():
    yield Component("odd", Dataset)


@hookimpl
def georet_exporters():
    yield Component("odd", Exporter)


@hookimpl
def georet_backends():
    yield Component("odd", Backend)

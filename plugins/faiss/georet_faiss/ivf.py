"""The indexes ``faiss_ivf_sq8`` and ``faiss_ivf_pq``: rows in lists, of which a query sees some."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch

from georet.errors import ConfigError
from georet.files import write_atomic
from georet.search.candidates import EXACT_BELOW, CandidateIndex
from georet.types import Bools, Floats, Ints
from georet_faiss.library import MOST_ON_GPU, load_faiss, num_gpus, on_gpu, selector
from georet_faiss.lists import CODES, ROWS, SIZES, Lists, without_lists, write_lists

FILE: Final = "index.faiss"
LEAST_PER_LIST: Final = 39
"""Training rows for each centroid below which faiss warns."""
MOST_PER_LIST: Final = 64
"""Training rows for each centroid beyond which clustering only takes longer."""
LISTS_PER_ROOT: Final = 2.0
"""Lists for a square root of rows: ranking lists and scanning them then cost about the same."""
PROBED: Final = 1 / 7
"""Share of the lists seen: photos and tiles lie apart, so the best tiles spread over many lists."""
HALVED_FROM: Final = 128
"""Dimensions from which on two can share four bits: in few, each decides more."""
LEAST_SEEN: Final = 5000
"""Rows seen in small galleries, where lists are few and scanning them takes no time."""


class IvfIndex(CandidateIndex):
    """Sorts rows into ``nlist`` lists by the nearest centroid, and scans the ``nprobe`` nearest.

    By default ``nlist`` grows with the square root of the rows, and a seventh is scanned,
    of small galleries more. In a
    region of more than ``exact_below`` rows each query goes on to further lists until it has seen
    as many allowed rows as rows without a region. With too few rows to train on, the search is
    exact, which ``note`` says. ``oversampling`` is by default what the codes of a kind need.
    ``seed`` starts the clustering.
    """

    least_rows: ClassVar[int] = 4 * LEAST_PER_LIST
    usual_oversampling: ClassVar[int]

    def __init__(
        self,
        *,
        nlist: int | None = None,
        nprobe: int | None = None,
        oversampling: int | None = None,
        exact_below: int = EXACT_BELOW,
        seed: int = 0,
    ) -> None:
        if oversampling is None:
            oversampling = self.usual_oversampling
        super().__init__(oversampling=oversampling, exact_below=exact_below)
        for name, value in {"nlist": nlist, "nprobe": nprobe}.items():
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}", where=self.kind, hint="Give at least 1.")
        self.nlist = nlist
        self.nprobe = nprobe
        self.seed = seed
        self._faiss = load_faiss()
        self._index: Any = None
        self._gpu: Any = None
        self._lists: Lists | None = None
        self._list_of: Ints | None = None
        self._centroids: Floats | None = None

    def options(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        own = {"nlist": self.nlist, "nprobe": self.nprobe, "seed": self.seed}
        return {**super().options(), **own}

    @property
    def note(self) -> str:
        """That there were too few rows to train on, or where it searches."""
        if self._index is None:
            return f"exact: fewer rows than the {self.least_rows} that training needs"
        where = " on the GPU" if self._gpu is not None else ""
        return f"{self._num_probes} of {self._index.nlist} lists{where}"

    @property
    def num_bytes(self) -> int:
        """Memory beyond the embeddings that were added, in bytes: codes, row numbers, centroids."""
        if self._index is None:
            return 0
        embed_dim = self.rows.embed_dim
        return int(
            self._index.ntotal * (self._index.code_size + 8) + 4 * self._index.nlist * embed_dim
        )

    def _untrained(self, quantizer: Any, embed_dim: int, nlist: int) -> Any:
        """Return an empty index of faiss for the inner product."""
        raise NotImplementedError

    @property
    def is_ready(self) -> bool:
        """Whether there is something to propose rows from."""
        return self._index is not None

    @property
    def _num_probes(self) -> int:
        nlist = int(self._index.nlist)
        share = max(PROBED, LEAST_SEEN / len(self.rows))
        return min(self.nprobe or math.ceil(share * nlist), nlist)

    def build(self) -> None:
        """Derive from the rows what searching needs."""
        self._index = self._gpu = self._list_of = self._centroids = self._lists = None
        num, embed_dim = len(self.rows), self.rows.embed_dim
        if num < self.least_rows:
            return
        most = num // LEAST_PER_LIST
        nlist = min(self.nlist or round(LISTS_PER_ROOT * math.sqrt(num)), most)
        index = self._untrained(self._faiss.IndexFlatIP(embed_dim), embed_dim, nlist)
        index.cp.seed, index.cp.spherical = self.seed, True
        index.cp.max_points_per_centroid = MOST_PER_LIST
        index.train(self._training_rows(MOST_PER_LIST * nlist))
        for _, some in self.rows.blocks():
            index.add(some.rows)
        self._index, self._gpu = index, on_gpu(self._faiss, index)

    def _training_rows(self, most: int) -> Floats:
        """Return what to train on: all rows, of stored ones as many as clustering looks at."""
        if not self.rows.is_stored:
            return self.rows.embeddings
        num = min(most, len(self.rows))
        chosen = np.random.default_rng(self.seed).choice(len(self.rows), num, replace=False)
        return self.rows.take(np.sort(chosen)).rows

    def propose(self, queries: Floats, num: int, allowed: Bools | None) -> Ints:
        """Return rows int64[Q, num] likely to be the best, in any order, -1 pads."""
        rows: Ints
        if allowed is not None:
            chosen, bits = selector(self._faiss, allowed)
            num_probes = int(self._probes_within(queries, allowed).max(initial=1))
            params = self._faiss.SearchParametersIVF(sel=chosen, nprobe=num_probes)
            if self._lists is not None:
                self._lists.need(self._nearest_lists(queries, num_probes)[1])
            rows = self._index.search(queries, num, params=params)[1]
            del bits
            return rows
        if self._gpu is not None and num <= MOST_ON_GPU:
            params = self._faiss.SearchParametersIVF(nprobe=self._num_probes)
            rows = self._gpu.search(queries, num, params=params)[1]
            return rows
        self._index.nprobe = self._num_probes
        scores, lists = self._nearest_lists(queries, self._num_probes)
        if self._lists is not None:
            self._lists.need(lists)
        rows = self._index.search_preassigned(queries, num, lists, scores)[1]
        return rows

    def _nearest_lists(self, queries: Floats, num: int) -> tuple[Floats, Ints]:
        """Return the products float32[Q, num] and numbers int64[Q, num] of the nearest centroids.

        faiss takes three times as long for this, a third of the whole search.
        """
        if self._centroids is None:
            self._centroids = self._index.quantizer.reconstruct_n(0, self._index.nlist)
        products = torch.mm(torch.from_numpy(queries), torch.from_numpy(self._centroids).T)
        scores, lists = torch.topk(products, num, dim=1)
        return scores.numpy(), lists.numpy()

    def _probes_within(self, queries: Floats, allowed: Bools) -> Ints:
        """Return int64[Q]: lists to scan until enough allowed rows were seen."""
        nlist = int(self._index.nlist)
        if self._list_of is None and self._lists is not None:
            self._list_of = self._lists.list_of()
        if self._list_of is None:
            self._list_of = np.empty(self._index.ntotal, np.int64)
            lists = self._index.invlists
            for place in range(self._index.nlist):
                size = lists.list_size(place)
                self._list_of[self._faiss.rev_swig_ptr(lists.get_ids(place), size)] = place
        num_in_list = np.bincount(self._list_of[allowed], minlength=nlist)
        nearest = self._nearest_lists(queries, nlist)[1]
        seen = num_in_list[nearest].cumsum(axis=1)
        wanted = min(self._num_probes / nlist * len(allowed), int(allowed.sum()))
        probes: Ints = (seen < wanted).sum(axis=1) + 1
        return probes

    def write_files(self, folder: Path) -> None:
        """Write what ``build`` derived: what was trained, and the lists beside it."""
        if self._index is None:
            return
        if self._lists is not None:
            self._lists.need_all()
        write_lists(self._faiss, self._index, folder)
        trained = without_lists(self._faiss, self._index)
        write_atomic(folder / FILE, self._faiss.serialize_index(trained).tobytes())

    def read_files(self, folder: Path) -> None:
        """Read it back, the lists when they are needed."""
        self._index = self._gpu = self._list_of = self._centroids = self._lists = None
        if not (folder / FILE).is_file():
            return
        trained = self.mapped(folder / FILE)
        content = np.frombuffer(trained.read(0, trained.num_bytes), np.uint8)
        self._index = self._faiss.deserialize_index(content)
        if not (folder / SIZES).is_file():
            return
        codes, rows = self.mapped(folder / CODES), self.mapped(folder / ROWS)
        sizes = np.load(folder / SIZES, allow_pickle=False)
        self._lists = Lists(self._faiss, self._index, codes, rows, sizes)
        if num_gpus(self._faiss):
            self._lists.need_all()
            self._gpu = on_gpu(self._faiss, self._index)


class IvfSq8(IvfIndex):
    """Lists of rows with one byte a dimension."""

    kind: ClassVar[str] = "faiss_ivf_sq8"
    usual_oversampling: ClassVar[int] = 3

    def _untrained(self, quantizer: Any, embed_dim: int, nlist: int) -> Any:
        faiss = self._faiss
        kind, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        return faiss.IndexIVFScalarQuantizer(quantizer, embed_dim, nlist, kind, metric)


class IvfPq(IvfIndex):
    """Lists of rows with four bits for every two dimensions (of fewer than 128: for each).

    Product quantisation (Jegou et al., TPAMI 2011) in the form of Andre et al. (VLDB 2015), which
    faiss calls fast scan; it stays on the CPU.
    """

    kind: ClassVar[str] = "faiss_ivf_pq"
    least_rows: ClassVar[int] = 16 * LEAST_PER_LIST
    usual_oversampling: ClassVar[int] = 10

    def _untrained(self, quantizer: Any, embed_dim: int, nlist: int) -> Any:
        metric = self._faiss.METRIC_INNER_PRODUCT
        is_halved = embed_dim >= HALVED_FROM and embed_dim % 2 == 0
        parts = embed_dim // 2 if is_halved else embed_dim
        index = self._faiss.IndexIVFPQFastScan(quantizer, embed_dim, nlist, parts, 4, metric)
        index.pq.cp.seed = self.seed
        return index

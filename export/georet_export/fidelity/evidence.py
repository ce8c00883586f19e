"""The real images by which an export is judged: a run's main evaluation set, or a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from georet.config import DataConfig, RunConfig
from georet.data.loader import ImageLoader
from georet.data.resizing import rule_of
from georet.errors import DataError, UsageError
from georet.plugins import Plugins
from georet.train import setup
from georet.types import EvaluationSet, ImageTable, Ints, Pixels, Positives

_LEAST = 2
_SEED = 0


@dataclass(frozen=True)
class Evidence:
    """Queries and a gallery, and how their images are read.

    Queries that the data set groups are judged one by one. ``num_whole`` counts the images of the
    whole set.
    """

    name: str
    data: EvaluationSet
    reading: DataConfig
    num_whole: int

    @property
    def num_images(self) -> int:
        """How many images are judged."""
        return len(self.data.queries) + len(self.data.gallery)

    def tables(self) -> tuple[tuple[str, ImageTable], tuple[str, ImageTable]]:
        """Return view and table of the queries, then of the gallery."""
        data = self.data
        return (data.query_view, data.queries), (data.gallery_view, data.gallery)

    def batches(
        self, table: ImageTable, size: tuple[int, int], batch_size: int, *, held: int = 1
    ) -> Iterator[tuple[Ints, Pixels]]:
        """Yield rows int64[b] and images uint8[b, H, W, 3] of a table, as evaluation reads them.

        They are read ahead; the images of a batch are good until ``held`` more were asked for.
        """
        loader = ImageLoader(
            table,
            size=size,
            batch_size=batch_size,
            workers=self.reading.num_workers,
            held=held,
            rule=rule_of(self.reading),
            max_pixels=self.reading.max_pixels,
            bad_image_quota=self.reading.bad_image_quota,
        )
        for rows, images in loader:
            yield rows, images.numpy()


def evidence_of(config: RunConfig, plugins: Plugins, *, num_images: int | None = None) -> Evidence:
    """Return the images of the run's main evaluation set, at most ``num_images`` of them.

    Of a larger set a part is drawn, always the same: queries, their positives, and so much of the
    rest of the gallery as there is room for. DataError where the data set has no evaluation.
    """
    sets = setup.evaluations_of(setup.make_dataset(config, plugins), plugins)
    if not sets:
        raise DataError("the data set has no evaluation set", where=config.dataset.name)
    name, data = next(iter(sets.items()))
    data = replace(data, group=None, summed=())
    num_whole = len(data.queries) + len(data.gallery)
    if num_images is not None and num_images < num_whole:
        if num_images < _LEAST:
            raise UsageError(f"can't judge by {num_images} images", where="--images")
        rng = np.random.default_rng(_SEED)
        num_queries = min(len(data.queries), max(1, num_images // 2))
        queries = np.sort(rng.permutation(len(data.queries))[:num_queries])
        rows = [np.atleast_1d(np.asarray(data.positives[q], np.int64)) for q in queries.tolist()]
        chosen = np.concatenate(rows) if rows else np.empty(0, np.int64)
        needed = np.unique(chosen[chosen >= 0])
        others = np.setdiff1d(np.arange(len(data.gallery)), needed)
        room = max(0, num_images - num_queries - len(needed))
        gallery = np.sort(np.concatenate([needed, rng.permutation(others)[:room]])).astype(np.int64)
        data = replace(
            data,
            queries=data.queries.take(queries),
            gallery=data.gallery.take(gallery),
            positives=_renumbered(data.positives, queries, gallery),
            junk=None if data.junk is None else _places(np.asarray(data.junk), gallery),
        )
    return Evidence(name, data, config.data, num_whole)


def _renumbered(positives: Positives, queries: Ints, gallery: Ints) -> Positives:
    if isinstance(positives, np.ndarray):
        kept = positives[queries]
        places = np.searchsorted(gallery, np.maximum(kept, 0))
        return np.where(kept < 0, -1, places).astype(np.int64)
    found: Sequence[Sequence[int]] = [
        _places(np.asarray(positives[q], np.int64), gallery).tolist() for q in queries.tolist()
    ]
    return found


def _places(rows: Ints, gallery: Ints) -> Ints:
    """Return where in the part of the gallery the rows are that are in it."""
    return np.searchsorted(gallery, rows[np.isin(rows, gallery)]).astype(np.int64)

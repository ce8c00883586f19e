# mypy: disable-error-code="empty-body"
"""The hooks through which a plugin declares what comes after training: judging, export, search."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from georet.components import Component

hookspec = pluggy.HookspecMarker("georet")


@hookspec
def georet_metrics() -> Iterable[Component]:
    """Declare metrics: (ranking: Ranking) -> {name: value}.

    ``ranking.rank`` int64[Q] is 0-based, -1 for a query without a positive. Shares are percent,
    distances metres. Every metric of the loaded plugins is computed on every evaluation set, so its
    factory needs no options. Added in 0.1.

    Example::

        from georet import Component, hookimpl


        def recall_at_20(ranking):
            found = (ranking.rank >= 0) & (ranking.rank < 20)
            return {"recall@20": 100 * float(found.mean())}


        def factory():
            return recall_at_20


        @hookimpl
        def georet_metrics():
            yield Component("recall-20", factory, summary="Found among the first 20")
    """


@hookspec
def georet_protocols() -> Iterable[Component]:
    """Declare protocols, how results are counted: ``georet.types.EvaluationProtocol``.

    ``georet.evaluate.Protocol`` makes one of metrics and rules. An evaluation set names it, and so
    does ``georet score --protocol``; its figures stand under ``plugin:name``. A name that georet
    itself has means georet's. Added in 0.1.

    Example::

        from georet import Component, hookimpl
        from georet.evaluate import Protocol


        def mean_reciprocal_rank(ranking):
            found = ranking.rank >= 0
            return {"mrr": 100 * float((found / (ranking.rank + 1.0 + ~found)).mean())}


        def factory():
            text = "mean reciprocal rank, one positive"
            return Protocol("mrr", text, (mean_reciprocal_rank,), "floor(R/100)")


        @hookimpl
        def georet_protocols():
            yield Component("mrr", factory, summary="Mean reciprocal rank")
    """


@hookspec
def georet_indexes() -> Iterable[Component]:
    """Declare indexes: add(embeddings float32[R, D], ids int64[R]), search, save, load, verify.

    ``search(queries float32[Q, D], k, region)`` returns scores float32[Q, k] and ids int64[Q, k],
    best first; -1 pads. ``region`` is None or bool[R] of allowed rows. ``StoredIndex`` brings
    checks, exact scores and verified files, ``georet.search.candidates.CandidateIndex`` also the
    exact ranking of proposed candidates; neither is required. An index whose rows are on a server
    has ``attach``, ``search`` and ``search_in`` instead (``georet.search.served.Served``).
    Added in 0.1.

    Example::

        import numpy as np

        from georet import Component, hookimpl
        from georet.search.stored import StoredIndex


        class Sorted(StoredIndex):
            kind = "sorted"

            def find(self, queries, k, allowed):
                scores = queries.rows @ self.rows.embeddings.T
                if allowed is not None:
                    scores[:, ~allowed] = -np.inf
                best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
                is_found = np.take_along_axis(scores, best, axis=1) > -np.inf
                return np.where(is_found, best, -1)


        @hookimpl
        def georet_indexes():
            yield Component("sorted", Sorted, summary="All scores, sorted")
    """


@hookspec
def georet_exporters() -> Iterable[Component]:
    """Declare exporters: export(encoder, spec: ExportSpec, out: Path) -> folder of the artefact.

    ``out`` doesn't exist yet: make it. ``spec`` (``georet.export_spec``) names views, image size,
    precision, batches and targets. ``georet export RUN --format NAME`` calls it. An exporter may
    have ``check(encoder, sizes: {view: (height, width)})``, which raises a georet error where the
    encoder can't be written; a training begins with it, and warns. ``encoder.embed(view, images)``
    is all that an artefact must do; ``encoder.branch(view)`` is it without unit length, and without
    the maps ``encoder.maps(view)`` of a run with fits. Added in 0.1.

    Example::

        import torch

        from georet import Component, hookimpl


        class Weights:
            def export(self, encoder, spec, out):
                out.mkdir(parents=True)
                torch.save(encoder.branch(spec.view).state_dict(), out / "branch.pt")
                return out


        @hookimpl
        def georet_exporters():
            yield Component("weights", Weights, summary="The state dict of a branch")
    """


@hookspec
def georet_backends() -> Iterable[Component]:
    """Declare back ends, runtimes that execute artefacts: ``georet.contracts.running.Backend``.

    ``refuses(artefact)`` says why the runtime can't, or None; ``open(artefact, view)`` returns a
    session with ``embed(images uint8[B, H, W, 3]) -> float32[B, D]``. With ``--backend auto`` the
    first that doesn't refuse is taken, in the order of declaration. Added in 0.1.

    Example::

        import numpy as np

        from georet import Component, hookimpl


        class Means:
            max_batch = None

            def __init__(self, identity):
                self.identity = identity

            def embed(self, images):
                colours = images.reshape(len(images), -1, 3).mean(axis=1, dtype=np.float32)
                return colours / np.linalg.norm(colours, axis=1, keepdims=True)

            def close(self):
                pass


        class Backend:
            def refuses(self, artefact):
                return None if (artefact / "means.txt").exists() else "no means.txt"

            def open(self, artefact, view, *, threads=None):
                return Means(view)


        @hookimpl
        def georet_backends():
            yield Component("means", Backend, summary="Mean colours, to see what learning brings")
    """


@hookspec
def georet_rerankers() -> Iterable[Component]:
    """Declare re-rankers: (query: Path, candidates: [Path] * k) -> order int64[k].

    ``max_candidates`` caps k, so that the cost of a query is known. One with a parameter
    ``context`` gets a ``georet.contracts.searching.RerankContext``: pixels of photo and tiles in
    their own resolution, places, scores, embeddings. It may return a ``Reranked`` with scores and
    a reason. What it raises is told and leaves the order as it was. Added in 0.1.

    Example::

        import cv2
        import numpy as np

        from georet import Component, hookimpl
        from georet.contracts.searching import Reranked


        class Correlation:
            max_candidates = 10

            def __init__(self, side_px: int = 64) -> None:
                self.side_px = side_px

            def small(self, image):
                return cv2.resize(image, (self.side_px, self.side_px), interpolation=cv2.INTER_AREA)

            def __call__(self, query, candidates, context):
                rim = self.side_px // 4
                middle = self.small(context.pixels)[rim:-rim, rim:-rim]
                tiles = [self.small(tile.patch.image) for tile in context.tiles]
                fits = [cv2.matchTemplate(tile, middle, cv2.TM_CCOEFF_NORMED) for tile in tiles]
                scores = np.array([fit.max() for fit in fits])
                return Reranked(np.argsort(-scores, kind="stable"), scores, "greatest correlation")


        @hookimpl
        def georet_rerankers():
            yield Component("correlation", Correlation, summary="Best fit of the photo's middle")
    """


@hookspec
def georet_executors() -> Iterable[Component]:
    """Declare executors, which have a gallery's shards made: ``georet.contracts.making.Executor``.

    ``run(build)`` makes them on this machine, or elsewhere on the same files. What a shard holds
    depends on neither place nor time, and the gallery's journal says which are done, so an executor
    may fail or be killed at any moment. ``georet gallery build --executor NAME?key=value`` asks for
    one. Added in 0.1.

    Example::

        from contextlib import closing

        from georet import Component, hookimpl


        class OneByOne:
            def run(self, build):
                with build.opened() as opened, closing(opened.maker()) as maker:
                    opened.finish(lambda shards, tick: [s for s in shards if maker.make(s, tick)])


        @hookimpl
        def georet_executors():
            yield Component("one-by-one", OneByOne, summary="Shard after shard")
    """

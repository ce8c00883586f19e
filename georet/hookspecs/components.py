# mypy: disable-error-code="empty-body"
"""The hooks through which a plugin declares what training is made of, one a kind.

Each yields ``georet.Component(name, factory, ...)``. In a plugin that is installed, the factory is
a lazy ``"module:attribute"``, so that listing imports nothing; in a file of your own it may be the
class itself, as in the examples. What a component must do is in ``georet.contracts``.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from georet.components import Component

hookspec = pluggy.HookspecMarker("georet")


@hookspec
def georet_backbones() -> Iterable[Component]:
    """Declare backbones: modules, images float[B, 3, H, W] -> features float[B, D].

    ``embed_dim`` is D; ``mean`` and ``std`` say how RGB in 0..1 is normalised before. The features
    are not of unit length. Aggregators and extra heads live inside. ``forward`` may have the
    parameters ``view`` (its name), ``batch`` (of a training, else None) and ``outputs`` (None, or a
    dictionary for what losses alone want): who names one is told. Added in 0.1.

    Example::

        import torch

        from georet import Component, hookimpl


        class Patches(torch.nn.Module):
            mean = std = (0.5, 0.5, 0.5)

            def __init__(self, embed_dim: int = 64) -> None:
                super().__init__()
                self.embed_dim = embed_dim
                self.stem = torch.nn.Conv2d(3, embed_dim, kernel_size=8, stride=8)

            def forward(self, images: torch.Tensor) -> torch.Tensor:
                return self.stem(images).mean(dim=(2, 3))


        @hookimpl
        def georet_backbones():
            yield Component("patches", Patches, summary="One strided convolution, averaged")
    """


@hookspec
def georet_losses() -> Iterable[Component]:
    """Declare losses: (embedded: EmbeddedBatch) -> float[].

    ``embedded.query`` and ``embedded.reference`` are float32[B, D] of unit length, row i of one
    belongs to row i of the other; ``embedded.batch`` has ids, positions, semi-positives and the
    data set's own columns. With ``wants_maps = True`` it has ``embedded.maps[view]`` float[B, C, h,
    w], with ``wants_outputs = ("logits",)`` ``embedded.outputs[view]["logits"]``, of backbones that
    give them. A loss may own parameters; they are trained, and never exported. Several
    losses with weights make the objective. Added in 0.1.

    Example::

        import torch

        from georet import Component, hookimpl


        class Hinge(torch.nn.Module):
            def __init__(self, margin: float = 0.2) -> None:
                super().__init__()
                self.margin = margin

            def forward(self, embedded):
                cosines = embedded.query @ embedded.reference.T
                excess = cosines - cosines.diag()[:, None] + self.margin
                negatives = ~torch.eye(len(cosines), dtype=torch.bool, device=cosines.device)
                return excess[negatives].relu().mean()


        @hookimpl
        def georet_losses():
            yield Component("hinge", Hinge, summary="Every negative a margin below its positive")
    """


@hookspec
def georet_samplers() -> Iterable[Component]:
    """Declare samplers: plan(epoch, pairs, bank, ...) -> BatchPlan with int64[S, B].

    The entries are rows of the pair table, none twice in an epoch. A sampler is stateless: the same
    arguments give the same plan. ``wants_bank(epoch)`` asks for embeddings of the training images
    (``"mine"``, ``"keep"``, ``"incremental"``) or returns None. A ``plan`` that names a parameter
    ``epochs`` is told how many the run has. One that has ``prepare(epoch, pairs, bank,
    rows_to_first)`` can share its search for neighbours among ranks. Added in 0.1.

    Example::

        from georet import Component, hookimpl
        from georet.sampling import plan_batches
        from georet.types import BatchPlan


        class Chance:
            def wants_bank(self, epoch):
                return None

            def plan(self, epoch, pairs, bank, *, batch_size, seed):
                # No neighbours: chance alone fills the batches, no reference twice in one.
                batches = plan_batches(pairs.pairs, None, batch_size, seed=(seed, epoch))
                return BatchPlan(batches, epoch, seed, "chance")


        @hookimpl
        def georet_samplers():
            yield Component("chance", Chance, summary="A new order every epoch")
    """


@hookspec
def georet_datasets() -> Iterable[Component]:
    """Declare data sets: train() -> PairTable; evaluations() -> {name: EvaluationSet}.

    ``PairTable.pairs`` int64[N, V] holds rows of each view's image table; ``latlon`` is
    float64[R, 2] in WGS84 degrees. Where a place has several images of a view,
    ``PairTable.alternatives`` lists those of which a visit shows one. The first evaluation set is
    the main one. Nothing is decoded here: tables hold paths. Added in 0.1.

    Example::

        from dataclasses import replace
        from pathlib import Path

        import numpy as np

        from georet import Component, hookimpl
        from georet.config import ComponentSpec
        from georet.types import EvaluationSet, ImageTable, PairTable


        class Folder:
            def __init__(self, root: Path, num_places: int = 100) -> None:
                self.root, self.num_places = root, num_places

            def table(self, view: str) -> ImageTable:
                ids = [f"{place:04d}" for place in range(self.num_places)]
                return ImageTable(ids, [self.root / view / f"{i}.jpg" for i in ids], name=view)

            def train(self):
                views = {view: self.table(view) for view in ("query", "reference")}
                rows = np.arange(self.num_places)
                return PairTable(views, np.stack([rows, rows], axis=1))

            def evaluations(self):
                positives = np.arange(self.num_places)[:, None]
                query, gallery = self.table("query"), self.table("reference")
                return {"all": EvaluationSet(query, gallery, positives, protocol="recall")}


        class Places:
            def __init__(self, inner: ComponentSpec, context) -> None:
                self.inner = context.create("datasets", inner, "inner")

            def train(self):
                table = self.inner.train()
                return replace(table, columns={**table.columns, "place": table.pairs[:, 1]})

            def evaluations(self):
                return self.inner.evaluations()


        @hookimpl
        def georet_datasets():
            yield Component("folder", Folder, summary="Two folders of numbered images")
            yield Component("places", Places, summary="Another data set, its places as a column")
    """


@hookspec
def georet_transforms() -> Iterable[Component]:
    """Declare transforms: (image uint8[H, W, 3], rng) -> uint8[H, W, 3].

    With the attribute ``joint = True`` a transform takes and returns {view: image}, all views of a
    pair at once. Sizes stay. ``rng`` (``numpy.random.Generator``) is the only source of chance.
    With a third parameter ``context`` it is told epoch, progress, the pair's row and columns, and
    its view, and ``context.report(name, value)`` says what it did: ``Batch.applied[name]``. Outside
    Linux, transforms are pickled to the loader's processes; a class from a file that was named by
    its path can't be. Added in 0.1.

    Example::

        import numpy as np

        from georet import Component, hookimpl


        class Darken:
            def __init__(self, most: float = 0.3) -> None:
                self.most = most

            def __call__(self, image, rng):
                return (image * (1 - self.most * rng.random())).astype(np.uint8)


        class Dusk:
            def __init__(self, most: float = 0.3) -> None:
                self.most = most

            def __call__(self, image, rng, context):
                light = 1 - self.most * context.progress * rng.random()
                context.report("light", light)
                return (image * light).astype(np.uint8)


        @hookimpl
        def georet_transforms():
            yield Component("darken", Darken, summary="Less light")
            yield Component("dusk", Dusk, summary="Ever less light as the run goes on")
    """

# mypy: disable-error-code="empty-body"
"""The hooks through which a plugin declares what an encoder has behind its backbones."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from georet.components import Component

hookspec = pluggy.HookspecMarker("georet")


@hookspec
def georet_aggregators() -> Iterable[Component]:
    """Declare aggregators: (map float[B, C, h, w], class token float[B, C] or None) -> float[B, D].

    Row 0 of a map is the top of the image, column 0 its left; the token is None for networks that
    have none. ``prepare(num_channels, grids)``, where there is one, is called first, with C and
    {view: (h, w)}: make weights there. A backbone with the option ``aggregator`` uses them:
    ``encoder.backbone.aggregator: {name: gem}``. Added in 0.1.

    Example::

        import torch

        from georet import Component, hookimpl


        class Halves(torch.nn.Module):
            def prepare(self, num_channels, grids):
                self.weigh = torch.nn.Linear(2 * num_channels, num_channels)

            def forward(self, maps, token):
                middle = maps.shape[3] // 2
                left, right = maps[..., :middle], maps[..., middle:]
                means = [left.mean(dim=(2, 3)), right.mean(dim=(2, 3))]
                return self.weigh(torch.cat(means, dim=1))


        @hookimpl
        def georet_aggregators():
            yield Component("halves", Halves, summary="Left and right half, each averaged")
    """


@hookspec
def georet_fits() -> Iterable[Component]:
    """Declare fits: (embeddings {view: float32[R, D]}, pairs int64[N, V]) -> {view: Affine}.

    Called once, after training, with the unit-length embeddings of all training images, row by row
    as in the views' tables, and the pairs as rows of them (-1: none). Each view's ``Affine``
    (matrix float64[E, D], offset float64[E]) becomes part of the encoder and of its exports; what
    it makes is scaled to unit length again. ``fits: [name]`` in a run's configuration. Where a fit
    has ``check(embed_dim, views)``, that returns E before training, or raises a georet error.
    Added in 0.1.

    Example::

        import numpy as np

        from georet import Component, hookimpl
        from georet.contracts.encoding import Affine


        class Centre:
            def __call__(self, embeddings, pairs):
                found = {}
                for view, rows in embeddings.items():
                    mean = rows.mean(axis=0, dtype=np.float64)
                    found[view] = Affine(np.eye(len(mean)), -mean)
                return found


        @hookimpl
        def georet_fits():
            yield Component("centre", Centre, summary="Each view's mean moves to the origin")
    """

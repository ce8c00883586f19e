"""Backbone ``panobev``: the panorama and its bird's-eye view, two streams in one embedding."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE
from georet_panobev.warp import BirdsEye


class PanoBev(nn.Module):
    """Normalised images float[B, 3, H, W] -> features float[B, D] of two streams, D even.

    Each stream is a trunk of its own with the options ``trunk``, any backbone. Of a panorama (the
    view ``panorama``) one sees the picture, the other its bird's-eye view, ``side_m`` metres of
    flat ground as a camera ``height_m`` above it sees them; of a tile both see the picture. Each
    half of the features has unit length, so the cosine of two embeddings is the mean of the two
    streams' cosines, and references are ranked by their sum, as EP-BEV does. Nothing else of georet
    need know that there are two.

    Panoramas are level, 360 by 180 degrees, north in the middle column, and of the size that
    ``data.size`` gives; the bird's-eye view has the size of the tiles.
    """

    def __init__(
        self,
        *,
        trunk: ComponentSpec,
        side_m: Annotated[float, Field(gt=0)] = 30.7,
        height_m: Annotated[float, Field(gt=0)] = 1.5,
        panorama: str = QUERY,
        tile: str = REFERENCE,
        context: BuildContext,
    ) -> None:
        super().__init__()
        self._trunk = trunk
        self.panorama = panorama
        sizes = [
            _size(context, view, key) for view, key in ((panorama, "panorama"), (tile, "tile"))
        ]
        if sizes[1][0] != sizes[1][1]:
            raise ConfigError(
                f"tiles of {sizes[1][0]} x {sizes[1][1]} are no squares", where="panobev"
            )
        self.warp = BirdsEye(sizes[0], sizes[1][0], side_m, height_m)
        self.street: Any = context.create("backbones", trunk, "trunk")
        self.above: Any = context.create("backbones", trunk, "trunk")
        self.mean, self.std = self.street.mean, self.street.std
        self.embed_dim: int = 2 * self.street.embed_dim

    @property
    def bare_options(self) -> dict[str, Any]:
        """The options that make the same network without reading weights, for a checkpoint."""
        bare = getattr(self.street, "bare_options", {})
        return {"trunk": {**self._trunk.model_dump(), **bare}}

    def forward(self, images: torch.Tensor, *, view: str) -> torch.Tensor:
        """Return the features; ConfigError for panoramas of another size than ``data.size``."""
        other = images
        if view == self.panorama:
            if images.shape[2:] != self.warp.size:
                raise ConfigError(
                    f"a panorama of {tuple(images.shape[2:])} has no bird's-eye view here, "
                    f"only whole ones of {self.warp.size}",
                    where="panobev",
                    hint="It needs the whole circle: evaluate.field_of_view and "
                    "data.size_schedule can't be used.",
                )
            other = self.warp(images)
        halves = [self.street(images), self.above(other)]
        return torch.cat([F.normalize(half.float(), dim=1) for half in halves], dim=1)


def _size(context: BuildContext, view: str, key: str) -> tuple[int, int]:
    if view not in context.sizes:
        raise ConfigError(
            f"there is no view {view!r} in data.size",
            where=f"panobev.{key}",
            hint=f"The views are: {', '.join(context.sizes) or 'none'}",
        )
    height, width = context.sizes[view]
    return int(height), int(width)

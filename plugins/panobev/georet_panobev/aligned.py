"""Backbone ``aligned``: one trunk, behind a warp that gives panorama and tile one geometry."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE
from georet_panobev.warp import BirdsEye, Polar


class Aligned(nn.Module):
    """Normalised images float[B, 3, H, W] -> features float[B, D] of the backbone ``trunk``.

    ``way: above`` shows the trunk the panorama's bird's-eye view (``side_m`` metres of flat ground,
    seen from ``height_m``), in the size of the tiles; ``way: polar`` shows it the tile in polar
    coordinates about its middle, in the size of the panoramas: north in the middle column, the
    middle of the tile in the bottom row, its nearest edge in the top row (Shi et al., NeurIPS 2019,
    section 3.1). Either way what lies in one direction lies in one place of both maps, and a head
    that keeps places, such as ``sample4geo:grid``, compares like with like.

    Panoramas are level, 360 by 180 degrees, north in the middle column, of the size in
    ``data.size``; tiles are squares around the camera, north up.
    """

    def __init__(
        self,
        *,
        trunk: ComponentSpec,
        way: Literal["above", "polar"] = "polar",
        side_m: Annotated[float, Field(gt=0)] = 30.7,
        height_m: Annotated[float, Field(gt=0)] = 1.5,
        panorama: str = QUERY,
        tile: str = REFERENCE,
        context: BuildContext,
    ) -> None:
        super().__init__()
        for view in (panorama, tile):
            if view not in context.sizes:
                raise ConfigError(
                    f"there is no view {view!r} in data.size",
                    where="aligned",
                    hint=f"The views are: {', '.join(context.sizes) or 'none'}",
                )
        street, above = context.sizes[panorama], context.sizes[tile]
        if above[0] != above[1]:
            raise ConfigError(f"tiles of {above[0]} x {above[1]} are no squares", where="aligned")
        self._trunk = trunk
        if way == "above":
            self.warped, self.size = panorama, street
            self.warp: nn.Module = BirdsEye(street, above[0], side_m, height_m)
        else:
            self.warped, self.size = tile, above
            self.warp = Polar(above[0], street)
        sizes = dict.fromkeys(context.sizes, above if way == "above" else street)
        self.trunk: Any = replace(context, sizes=sizes).create("backbones", trunk, "trunk")
        self.mean, self.std = self.trunk.mean, self.trunk.std
        self.embed_dim: int = self.trunk.embed_dim

    @property
    def bare_options(self) -> dict[str, Any]:
        """The options that make the same network without reading weights, for a checkpoint."""
        bare = getattr(self.trunk, "bare_options", {})
        return {"trunk": {**self._trunk.model_dump(), **bare}}

    def forward(self, images: torch.Tensor, *, view: str) -> torch.Tensor:
        """Return the features; ConfigError for images to be warped of another size."""
        if view == self.warped:
            if images.shape[2:] != torch.Size(self.size):
                raise ConfigError(
                    f"an image of {tuple(images.shape[2:])}, the warp was made for {self.size}",
                    where="aligned",
                    hint="It needs whole panoramas and tiles of one size: evaluate.field_of_view "
                    "and data.size_schedule can't be used.",
                )
            images = self.warp(images)
        features: torch.Tensor = self.trunk(images)
        return features

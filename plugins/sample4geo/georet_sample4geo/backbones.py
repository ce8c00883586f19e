"""Backbone ``timm``: any image network of timm, whole or cut short, with its weights and a head."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, cast

import torch
from pydantic import Field
from torch import nn

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.encoding import MAP
from georet.encoder import Aggregation
from georet.errors import ConfigError
from georet_sample4geo.fold import folded
from georet_sample4geo.heads import Head
from georet_sample4geo.maps import map_and_token
from georet_sample4geo.pretrained import SUGGESTED, as_suggested, usual_size
from georet_sample4geo.remembered import Remembered, remembering
from georet_sample4geo.stages import (
    NORMS,
    checkpoint_gradients,
    cut_and_freeze,
)
from georet_sample4geo.trunks import (
    Channels,
    Size,
    create_trunk,
    normalisation,
    probe_size,
    size_for,
)

Pool = Literal["default", "avg", "gem", "max", "cls"]
HeadKind = Literal["linear", "conv"]
BOTH = "aggregator takes the place of pool and head"
EITHER = (
    "To have these, take it away: aggregator: null. To have it, set pool: default and head: linear."
)


class TimmBackbone(nn.Module):
    """Normalised images float[B, 3, H, W] -> features float[B, embed_dim], not of unit length.

    ``model`` is timm's name. ``weights``: ``timm`` (its own pretrained ones, from the network),
    ``lite0`` (the installed package, for ``tf_efficientnet_lite0``), ``none``, or the path of a
    ``.safetensors`` or ``.pth`` file, from which no code is run; Sample4Geo's checkpoints fit.
    ``img_size`` (pixels: side, or height and width) is for networks of fixed size; by default they
    are built for the views' size in ``data.size``, where all have one.

    ``stage`` cuts the network after that stage (0 is the first). ``aggregator`` is a component that
    makes the feature of the map and the class token; without one, ``pool`` is timm's own pooling,
    or after a cut the mean, or ``avg``, ``gem``, ``max`` or ``cls`` (the class token), and
    ``head: conv`` puts a 3x3 convolution to ``head_width`` channels in front of it. With
    ``embed_dim`` a trained projection follows. Parameters are named ``trunk.*`` and ``head.*``.
    Losses may want the outputs ``map`` float[B, C, h, w] and, of networks that have one, ``token``
    float[B, C].

    ``freeze_stages`` freezes the stem and so many stages, whose norms stay in evaluation mode and
    whose BatchNorms are folded into their convolutions;
    ``freeze_batchnorm`` keeps the running statistics of every BatchNorm. ``mean`` and ``std`` (of
    RGB in 0..1) replace those that belong to the weights. ``stamped`` keeps among the tensors a
    hash of the options that decide features and leave no tensor (pooling, ``mean``), so that the
    hash of the weights tells encoders apart that differ in these alone. ``remember_mb`` (1e6 bytes)
    keeps, while training on a CPU, what a wholly frozen network makes of each image, and computes
    it once; it needs images that come again, so no random changes but flips and turns.
    """

    head: nn.Module
    _remembered: Remembered | None = None

    def __init__(
        self,
        *,
        model: str,
        weights: str = "timm",
        img_size: int | Size | None = None,
        stage: Annotated[int, Field(ge=0)] | None = None,
        pool: Pool = "default",
        embed_dim: Annotated[int, Field(gt=0)] | None = None,
        head: HeadKind = "linear",
        head_width: Annotated[int, Field(gt=0)] = 256,
        aggregator: ComponentSpec | None = None,
        freeze_stages: Annotated[int, Field(ge=0)] = 0,
        freeze_batchnorm: bool = False,
        grad_checkpointing: bool = False,
        drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        mean: Channels | None = None,
        std: Channels | None = None,
        stamped: bool = False,
        remember_mb: Annotated[int, Field(ge=0)] = 0,
        context: BuildContext | None = None,
    ) -> None:
        super().__init__()
        if pool in ("max", "cls") and aggregator is None:
            pool, aggregator = "default", ComponentSpec(name=f"sample4geo:{pool}")
        has_head = pool != "default" or head == "conv"
        if has_head and aggregator is not None:
            raise ConfigError(BOTH, where="aggregator", hint=EITHER)
        self._has_map = stage is not None or has_head or aggregator is not None
        self._chosen_size = None if img_size is not None else size_for(model, context)
        img_size = img_size or self._chosen_size
        self.trunk = create_trunk(
            model, weights, img_size=img_size, drop_path=drop_path, has_map=self._has_map
        )
        self.mean, self.std = normalisation(self.trunk, weights, mean, std)
        frozen = cut_and_freeze(self.trunk, model, stage, freeze_stages)
        self.trunk = folded(self.trunk, frozen, torch.rand(1, 3, *probe_size(self.trunk, img_size)))
        self._frozen = [self.trunk.get_submodule(name) for name in frozen]
        self._freezes_batchnorm = freeze_batchnorm
        if grad_checkpointing:
            checkpoint_gradients(self.trunk, model)
        self.eval()
        num_channels, has_token = self._probed(probe_size(self.trunk, img_size))
        width = head_width if head == "conv" else None
        if width is not None and embed_dim is None:
            raise ConfigError("a conv head needs embed_dim", where="head", hint="embed_dim: 256")
        if aggregator is not None:
            self.head = self._aggregation(aggregator, context, num_channels, has_token, embed_dim)
            embed_dim = self.head.embed_dim
        elif self._has_map:
            self.head = Head(num_channels, use_gem=pool == "gem", width=width, embed_dim=embed_dim)
        else:
            self.head = nn.Identity() if embed_dim is None else nn.Linear(num_channels, embed_dim)
        self.embed_dim: int = embed_dim or num_channels
        self._check_trains()
        if stamped:
            self.register_buffer("rule", self._rule(model, stage, pool, head, aggregator))
        self.train()
        self._remembered = remembering(self.trunk, remember_mb)

    @staticmethod
    def usual_size(*, model: str = "", **_: Any) -> Size | None:
        """Return the height and width in pixels that the model's weights were trained for."""
        return usual_size(model)

    @staticmethod
    def suggested() -> list[dict[str, Any]]:
        """Return models for a start: name, use, licence, parameters, size and embedding."""
        return [as_suggested(each) for each in SUGGESTED]

    @property
    def bare_options(self) -> dict[str, Any]:
        """The options that make the same network without reading weights, for a checkpoint."""
        bare = {"weights": "none", "mean": list(self.mean), "std": list(self.std)}
        return bare | ({"img_size": list(self._chosen_size)} if self._chosen_size else {})

    def forward(
        self, images: torch.Tensor, *, outputs: dict[str, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Return the features float[B, embed_dim]; fill ``outputs`` with map and class token."""
        if self._has_map:
            maps, token = self._map(images)
            _fill(outputs, maps, token)
            told = {"outputs": outputs} if isinstance(self.head, Aggregation) else {}
            return cast(torch.Tensor, self.head(maps, token, **told))
        if outputs is None:
            return cast(torch.Tensor, self.head(self._seen(images)))
        trunk = cast(Any, self.trunk)
        unpooled = trunk.forward_features(images)
        _fill(outputs, *map_and_token(trunk, unpooled, _size_of(images)))
        return cast(torch.Tensor, self.head(trunk.forward_head(unpooled)))

    def train(self, mode: bool = True) -> TimmBackbone:
        """Switch to training or evaluation; what is frozen stays in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        if self._freezes_batchnorm:
            for module in self.trunk.modules():
                if isinstance(module, NORMS):
                    module.eval()
        return self

    def _check_trains(self) -> None:
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise ConfigError(
                "everything is frozen, there is nothing to train",
                where="freeze_stages",
                hint="Freeze fewer stages, or add a head with embed_dim.",
            )

    def _rule(self, *options: Any) -> torch.Tensor:
        """Return uint8[32], the SHA-256 of what decides the features and has no tensor."""
        plain = [o.model_dump() if isinstance(o, ComponentSpec) else o for o in options]
        text = json.dumps([*plain, *map(float, (*self.mean, *self.std))], sort_keys=True)
        return torch.tensor(list(hashlib.sha256(text.encode()).digest()), dtype=torch.uint8)

    def _map(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return map float[B, C, h, w] and class token float[B, C] or None."""
        return map_and_token(self.trunk, self._seen(images), _size_of(images))

    def _seen(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the trunk makes of images, or made of them before."""
        if (kept := self._remembered) and (self.training or kept.always) and not images.is_cuda:
            return kept(self.trunk, images)
        return cast(torch.Tensor, self.trunk(images))

    @torch.no_grad()
    def _probed(self, size: Size) -> tuple[int, bool]:
        """Return C, and whether there is a class token."""
        images = torch.zeros(1, 3, *size)
        if not self._has_map:
            return int(self.trunk(images).shape[1]), False
        maps, token = self._map(images)
        return int(maps.shape[1]), token is not None

    def _aggregation(
        self,
        aggregator: ComponentSpec,
        context: BuildContext | None,
        num_channels: int,
        has_token: bool,
        embed_dim: int | None,
    ) -> Aggregation:
        """Make the aggregator behind the trunk."""
        if context is None:
            raise ConfigError(
                "can't be made without the catalogue",
                where="aggregator",
                hint="Make the backbone by Catalog.create, with a BuildContext.",
            )
        return Aggregation(
            context.create("aggregators", aggregator, "aggregator"),
            num_channels=num_channels,
            grids=self._grids(context),
            has_token=has_token,
            embed_dim=embed_dim,
        )

    @torch.no_grad()
    def _grids(self, context: BuildContext) -> dict[str, Size]:
        """Return the map's height and width by view."""
        sizes = {view: context.sizes[view] for view in context.views if view in context.sizes}
        found = {s: self._map(torch.zeros(1, 3, *s))[0] for s in dict.fromkeys(sizes.values())}
        return {view: (found[s].shape[2], found[s].shape[3]) for view, s in sizes.items()}


def _size_of(images: torch.Tensor) -> Size:
    return images.shape[2], images.shape[3]


def _fill(
    outputs: dict[str, torch.Tensor] | None, maps: torch.Tensor, token: torch.Tensor | None
) -> None:
    if outputs is not None:
        outputs |= {MAP: maps} if token is None else {MAP: maps, "token": token}

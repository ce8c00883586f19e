"""Backbone ``timm``: any image network of timm, whole or cut short, with its weights and a head."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import torch
from pydantic import Field
from torch import nn

from georet.errors import ConfigError
from georet_sample4geo.fold import folded
from georet_sample4geo.heads import Head
from georet_sample4geo.stages import (
    NORMS,
    checkpoint_gradients,
    cut_after,
    freeze_first,
    stage_names,
)
from georet_sample4geo.trunks import Channels, Size, create_trunk, normalisation, probe_size

Pool = Literal["default", "avg", "gem"]
HeadKind = Literal["linear", "conv"]


class TimmBackbone(nn.Module):
    """Normalised images float[B, 3, H, W] -> features float[B, embed_dim], not of unit length.

    ``model`` is timm's name. ``weights``: ``timm`` (its own pretrained ones, from the network),
    ``lite0`` (the installed package, for ``tf_efficientnet_lite0``), ``none``, or the path of a
    ``.safetensors`` or ``.pth`` file, from which no code is run; Sample4Geo's checkpoints fit.
    ``img_size`` (pixels: side, or height and width) is for networks of fixed size.

    ``stage`` cuts the network after that stage (0 is the first); ``pool`` is timm's own pooling,
    or after a cut the mean, or ``avg`` or ``gem``. With ``embed_dim`` a trained projection
    follows; ``head: conv`` puts a 3x3 convolution to ``head_width`` channels in front of the
    pooling. Parameters are named ``trunk.*`` and ``head.*``.

    ``freeze_stages`` freezes the stem and so many stages, whose norms stay in evaluation mode and
    whose BatchNorms are folded into their convolutions;
    ``freeze_batchnorm`` keeps the running statistics of every BatchNorm. ``mean`` and ``std`` (of
    RGB in 0..1) replace those that belong to the weights.
    """

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
        freeze_stages: Annotated[int, Field(ge=0)] = 0,
        freeze_batchnorm: bool = False,
        grad_checkpointing: bool = False,
        drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        mean: Channels | None = None,
        std: Channels | None = None,
    ) -> None:
        super().__init__()
        self._has_map = stage is not None or pool != "default" or head == "conv"
        self.trunk = create_trunk(
            model, weights, img_size=img_size, drop_path=drop_path, has_map=self._has_map
        )
        self.mean, self.std = normalisation(self.trunk, weights, mean, std)
        frozen: list[str] = []
        if stage is not None or freeze_stages != 0:
            names = stage_names(self.trunk, model)
            if stage is not None:
                cut_after(self.trunk, names, stage)
                names = names[: stage + 1]
            frozen = freeze_first(self.trunk, names, freeze_stages)
        self.trunk = folded(self.trunk, frozen, torch.rand(1, 3, *probe_size(self.trunk, img_size)))
        self._frozen = [self.trunk.get_submodule(name) for name in frozen]
        self._freezes_batchnorm = freeze_batchnorm
        if grad_checkpointing:
            checkpoint_gradients(self.trunk, model)
        size = probe_size(self.trunk, img_size)
        self.eval()
        with torch.no_grad():
            num_channels = self._trunk_output(torch.zeros(1, 3, *size)).shape[1]
        width = head_width if head == "conv" else None
        if width is not None and embed_dim is None:
            raise ConfigError(
                "a conv head needs embed_dim", where="head", hint="Add for example embed_dim: 256"
            )
        self.head: nn.Module
        if self._has_map:
            self.head = Head(num_channels, use_gem=pool == "gem", width=width, embed_dim=embed_dim)
        else:
            self.head = nn.Identity() if embed_dim is None else nn.Linear(num_channels, embed_dim)
        self.embed_dim: int = embed_dim or num_channels
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise ConfigError(
                "everything is frozen, there is nothing to train",
                where="freeze_stages",
                hint="Freeze fewer stages, or add a head with embed_dim.",
            )
        self.train()

    @property
    def bare_options(self) -> dict[str, Any]:
        """The options that make the same network without reading weights, for a checkpoint."""
        return {"weights": "none", "mean": list(self.mean), "std": list(self.std)}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features float[B, embed_dim]."""
        features: torch.Tensor = self.head(self._trunk_output(images))
        return features

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

    def _trunk_output(self, images: torch.Tensor) -> torch.Tensor:
        """Return timm's pooled feature float[B, C], or the map float[B, C, H, W]."""
        output = cast(torch.Tensor, self.trunk(images))
        if not self._has_map:
            return output
        if output.ndim == 3:
            places = output[:, getattr(self.trunk, "num_prefix_tokens", 0) :]
            return places.transpose(1, 2).unsqueeze(-1)
        is_channels_last = getattr(self.trunk, "output_fmt", "NCHW") == "NHWC"
        return output.permute(0, 3, 1, 2) if is_channels_last else output

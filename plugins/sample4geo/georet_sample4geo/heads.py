"""What makes a feature of a map: the aggregators of this plugin, and the head of older options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from georet.errors import ConfigError

Positive = Annotated[float, Field(gt=0)]


class GeM(nn.Module):
    """Map float[B, C, H, W] -> float[B, C]: generalised mean (mean over x^p)^(1/p), p learned.

    p starts at 3; p = 1 is the mean, large p the maximum. Values below ``eps`` count as ``eps``.
    Source: Radenovic, Tolias, Chum, TPAMI 2018, arXiv 1711.02512, section 3.2.
    """

    def __init__(self, p: Positive = 3.0, eps: Positive = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p))
        self.eps = eps

    def forward(self, maps: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Return the pooled features float32[B, C]; powers are taken in float32."""
        with torch.autocast(maps.device.type, enabled=False):
            powers = maps.float().clamp(min=self.eps).pow(self.p)
            return powers.mean(dim=(2, 3)).pow(1 / self.p)


class Mean(nn.Module):
    """Map float[B, C, H, W] -> float[B, C]: the mean over the places of the map."""

    def forward(self, maps: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Return the pooled features float[B, C]."""
        return maps.mean(dim=(2, 3))


class Max(nn.Module):
    """Map float[B, C, H, W] -> float[B, C]: the largest value over the places of the map."""

    def forward(self, maps: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Return the pooled features float[B, C]."""
        return maps.amax(dim=(2, 3))


class ClassToken(nn.Module):
    """Class token float[B, C] -> float[B, C], as it is; for networks that have one."""

    def forward(self, _: torch.Tensor, token: torch.Tensor | None) -> torch.Tensor:
        """Return the class token float[B, C]."""
        if token is None:
            raise ConfigError(
                "the network has no class token",
                hint="Choose another aggregator, such as avg or gem.",
            )
        return token


class Conv(nn.Module):
    """Map float[B, C, H, W] -> float[B, width]: a 3x3 convolution over the map, then pooling.

    A normalisation over the whole map of one image (so that images of a batch do not mix) and GELU
    stand between them.
    """

    def __init__(
        self, width: Annotated[int, Field(gt=0)] = 256, pool: Literal["avg", "gem", "max"] = "avg"
    ) -> None:
        super().__init__()
        self.width = width
        self.pool = {"avg": Mean, "gem": GeM, "max": Max}[pool]()

    def prepare(self, num_channels: int, grids: Mapping[str, tuple[int, int]]) -> None:  # noqa: ARG002
        """Make the convolution, which needs to know C."""
        self.conv = convolution(num_channels, self.width)

    def forward(self, maps: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Return the features float[B, width]."""
        features: torch.Tensor = self.pool(self.conv(maps))
        return features


class Grid(nn.Module):
    """Map float[B, C, H, W] -> float[B, rows * columns * width]: where things are is kept.

    A 3x3 convolution to ``width`` channels, as in ``conv``; then the map is divided into ``rows``
    by ``columns`` cells, of which neighbours share the places between them, and a generalised mean
    is taken of each. A cell of one image is compared with the same cell of another, which only
    makes sense where both show the same ground in the same orientation, more or less.
    """

    def __init__(
        self,
        width: Annotated[int, Field(gt=0)] = 128,
        rows: Annotated[int, Field(gt=0)] = 3,
        columns: Annotated[int, Field(gt=0)] = 3,
    ) -> None:
        super().__init__()
        self.width, self.rows, self.columns = width, rows, columns
        self.power = nn.Parameter(torch.tensor(3.0))

    def prepare(self, num_channels: int, grids: Mapping[str, tuple[int, int]]) -> None:  # noqa: ARG002
        """Make the convolution, which needs to know C."""
        self.conv = convolution(num_channels, self.width)

    def forward(self, maps: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Return the features float[B, rows * columns * width]; powers are taken in float32."""
        found = self.conv(maps)
        height, width = found.shape[2:]
        with torch.autocast(maps.device.type, enabled=False):
            powers = found.float().clamp(min=1e-6).pow(self.power)
            down = cells(height, self.rows).to(powers.device)
            across = cells(width, self.columns).to(powers.device)
            means: torch.Tensor = (down @ powers @ across.T).pow(1 / self.power)
            return means.flatten(1)


def cells(num_places: int, num_cells: int) -> torch.Tensor:
    """Return float32[num_cells, num_places], the share of each place in the mean of each cell.

    Cell i goes from place floor(i n / k) to ceil((i + 1) n / k), the last one not included.
    """
    shares = torch.zeros(num_cells, num_places)
    for cell in range(num_cells):
        first, end = cell * num_places // num_cells, -(-(cell + 1) * num_places // num_cells)
        shares[cell, first:end] = 1 / (end - first)
    return shares


def convolution(num_channels: int, width: int) -> nn.Sequential:
    """Return what maps float[B, C, H, W] to float[B, width, H, W], each image on its own."""
    return nn.Sequential(
        nn.Conv2d(num_channels, width, kernel_size=3, padding=1, bias=False),
        nn.GroupNorm(1, width),
        nn.GELU(),
    )


class Head(nn.Module):
    """Map float[B, C, H, W] -> features float[B, D]: optional convolution, pooling, projection.

    With ``width`` the map first passes a 3x3 convolution to that many channels, a normalisation
    over the whole map of one image (so that images of a batch do not mix) and GELU. Without
    ``embed_dim`` there is no projection, and D is the number of channels pooled. Checkpoints hold
    its tensors by these names; new ones of ``aggregator:`` have others.
    """

    def __init__(
        self, num_channels: int, *, use_gem: bool, width: int | None, embed_dim: int | None
    ) -> None:
        super().__init__()
        pooled = width or num_channels
        self.conv: nn.Module = nn.Identity()
        if width is not None:
            self.conv = convolution(num_channels, width)
        self.pool = GeM() if use_gem else Mean()
        self.proj = nn.Identity() if embed_dim is None else nn.Linear(pooled, embed_dim)
        self.embed_dim = embed_dim or pooled

    def forward(self, maps: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Return the features float[B, D]."""
        features: torch.Tensor = self.proj(self.pool(self.conv(maps)))
        return features

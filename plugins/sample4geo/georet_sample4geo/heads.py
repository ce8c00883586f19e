"""What makes a feature of a map: pooling, and a small trained head."""

from __future__ import annotations

import torch
from torch import nn


class GeM(nn.Module):
    """Map float[B, C, H, W] -> float[B, C]: generalised mean (mean over x^p)^(1/p), p learned.

    p starts at 3; p = 1 is the mean, large p the maximum. Values below ``eps`` count as ``eps``.
    Source: Radenovic, Tolias, Chum, TPAMI 2018, arXiv 1711.02512, section 3.2.
    """

    def __init__(self, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p))
        self.eps = eps

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the pooled features float32[B, C]; powers are taken in float32."""
        with torch.autocast(maps.device.type, enabled=False):
            powers = maps.float().clamp(min=self.eps).pow(self.p)
            return powers.mean(dim=(2, 3)).pow(1 / self.p)


class Mean(nn.Module):
    """Map float[B, C, H, W] -> float[B, C]: the mean over the places of the map."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the pooled features float[B, C]."""
        return maps.mean(dim=(2, 3))


class Head(nn.Module):
    """Map float[B, C, H, W] -> features float[B, D]: optional convolution, pooling, projection.

    With ``width`` the map first passes a 3x3 convolution to that many channels, a normalisation
    over the whole map of one image (so that images of a batch do not mix) and GELU. Without
    ``embed_dim`` there is no projection, and D is the number of channels pooled.
    """

    def __init__(
        self, num_channels: int, *, use_gem: bool, width: int | None, embed_dim: int | None
    ) -> None:
        super().__init__()
        pooled = width or num_channels
        self.conv: nn.Module = nn.Identity()
        if width is not None:
            self.conv = nn.Sequential(
                nn.Conv2d(num_channels, width, kernel_size=3, padding=1, bias=False),
                nn.GroupNorm(1, width),
                nn.GELU(),
            )
        self.pool = GeM() if use_gem else Mean()
        self.proj = nn.Identity() if embed_dim is None else nn.Linear(pooled, embed_dim)
        self.embed_dim = embed_dim or pooled

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the features float[B, D]."""
        features: torch.Tensor = self.proj(self.pool(self.conv(maps)))
        return features

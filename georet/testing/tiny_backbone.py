"""A backbone that is small enough for tests and has no batch statistics."""

from __future__ import annotations

import torch


class TinyBackbone(torch.nn.Module):
    """Images float[B, 3, H, W] -> features float[B, embed_dim]; H and W at least 4 pixels."""

    mean = (0.5, 0.5, 0.5)
    std = (0.25, 0.25, 0.25)

    def __init__(self, *, embed_dim: int = 32, width: int = 24) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.trunk = torch.nn.Sequential(
            torch.nn.Conv2d(3, width, kernel_size=5, stride=2, padding=2),
            torch.nn.GELU(),
            torch.nn.Conv2d(width, 2 * width, kernel_size=3, stride=2, padding=1),
            torch.nn.GELU(),
        )
        self.head = torch.nn.Linear(2 * width, embed_dim)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features float[B, embed_dim], not of unit length."""
        features: torch.Tensor = self.head(self.trunk(images).mean(dim=(2, 3)))
        return features

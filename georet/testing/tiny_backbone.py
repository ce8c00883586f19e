"""A backbone that is small enough for tests and has no batch statistics."""

from __future__ import annotations

import torch


class TinyBackbone(torch.nn.Module):
    """Images float[B, 3, H, W] -> features float[B, embed_dim]; H and W at least 4 pixels.

    ``drop`` is the share of values that dropout removes, ``drop_path`` that of images of which a
    residual branch is left out (stochastic depth).
    """

    mean = (0.5, 0.5, 0.5)
    std = (0.25, 0.25, 0.25)

    def __init__(
        self, *, embed_dim: int = 32, width: int = 24, drop: float = 0.0, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.trunk = torch.nn.Sequential(
            torch.nn.Conv2d(3, width, kernel_size=5, stride=2, padding=2),
            torch.nn.GELU(),
            torch.nn.Conv2d(width, 2 * width, kernel_size=3, stride=2, padding=1),
            torch.nn.GELU(),
        )
        self.head = torch.nn.Linear(2 * width, embed_dim)
        self.drop, self.drop_path = torch.nn.Dropout(drop), drop_path

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features float[B, embed_dim], not of unit length."""
        features: torch.Tensor = self.head(self.trunk(images).mean(dim=(2, 3)))
        if self.training and self.drop_path:
            kept = torch.rand_like(features[:, :1]) >= self.drop_path
            features = features + kept * torch.sin(features)
        return self.drop(features) if self.training else features

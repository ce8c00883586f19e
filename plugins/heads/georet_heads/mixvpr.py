"""MixVPR: the places of a map mixed by MLPs, each of which sees all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from georet.errors import ConfigError

Count = Annotated[int, Field(gt=0)]


class MixVPR(nn.Module):
    """Map float[B, C, h, w] -> float[B, rows * width]: mixed places, then a few sums of them.

    Each channel is a vector of its n = h w places. ``depth`` times it goes through x + W2 ReLU(W1
    LN(x)), whose weights all channels share. Then a linear layer over channels leaves ``width`` of
    them, and one over places ``rows``. Ali-bey, Chaib-draa, Giguere, WACV 2023, arXiv 2303.02190,
    section 3.

    n belongs to the weights, so views that share a branch must have maps of equally many places.
    """

    def __init__(self, depth: Count = 4, width: Count = 512, rows: Count = 4) -> None:
        super().__init__()
        self.depth, self.width, self.rows = depth, width, rows

    def prepare(self, num_channels: int, grids: Mapping[str, tuple[int, int]]) -> None:
        """Make the layers, which need C and n; ConfigError where views have different n."""
        counts = {view: height * width for view, (height, width) in grids.items()}
        if len(set(counts.values())) != 1:
            told = ", ".join(f"{view}: {num}" for view, num in counts.items()) or "none are known"
            raise ConfigError(
                f"mixvpr needs maps of equally many places ({told})",
                where="aggregator",
                hint="Give all views one size in data.size, or a branch each: encoder.shared false",
            )
        self.num_places = num = next(iter(counts.values()))
        self.mixers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(num), nn.Linear(num, num), nn.ReLU(), nn.Linear(num, num))
            for _ in range(self.depth)
        )
        self.narrow = nn.Linear(num_channels, self.width)
        self.shorten = nn.Linear(num, self.rows)

    def forward(self, maps: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Return the features float[B, rows * width]; ConfigError for a map of another size."""
        places = maps.flatten(2)
        if places.shape[2] != self.num_places:
            raise ConfigError(
                f"a map of {places.shape[2]} places, mixvpr was made for {self.num_places}",
                where="aggregator",
                hint="It takes images of the one size that data.size names.",
            )
        for mixer in self.mixers:
            places = places + mixer(places)
        narrow = self.narrow(places.transpose(1, 2))
        shortened: torch.Tensor = self.shorten(narrow.transpose(1, 2))
        return shortened.flatten(1)

"""SALAD: places shared out among clusters by optimal transport, with a dustbin for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from georet.errors import ConfigError
from georet_heads.sinkhorn import transport

Count = Annotated[int, Field(gt=0)]


class Salad(nn.Module):
    """Map float[B, C, h, w], token float[B, C] -> float[B, token_width + num_clusters * width].

    Each of the n = h w places gets ``width`` values and a score for each cluster, by MLPs with
    ``hidden`` units. Places have mass 1, clusters mass 1, and a dustbin, whose score is learnt,
    takes the other n - ``num_clusters``; ``rounds`` of Sinkhorn's algorithm share them out. A
    cluster's vector is the sum of its share of the places, of unit length; the token's MLP gives
    the rest. Izquierdo, Civera, CVPR 2024, arXiv 2311.15937, section 3. Where the network has no
    class token, the map's mean stands for it (ours). With ``token_width`` 0 there is no such part.

    Raises ConfigError for maps of no more places than there are clusters.
    """

    def __init__(
        self,
        num_clusters: Count = 64,
        width: Count = 128,
        token_width: Annotated[int, Field(ge=0)] = 256,
        hidden: Count = 512,
        rounds: Count = 3,
    ) -> None:
        super().__init__()
        self.num_clusters, self.width, self.rounds = num_clusters, width, rounds
        self.token_width, self.hidden = token_width, hidden
        self.dustbin = nn.Parameter(torch.tensor(1.0))

    def prepare(self, num_channels: int, grids: Mapping[str, tuple[int, int]]) -> None:
        """Make the MLPs, which need to know C; look at the maps' sizes."""
        for view, (height, width) in grids.items():
            self._check_places(height * width, f" of view {view!r}")
        self.values = _mlp(num_channels, self.hidden, self.width)
        self.scores = _mlp(num_channels, self.hidden, self.num_clusters)
        if self.token_width:
            self.whole = _mlp(num_channels, self.hidden, self.token_width)

    def forward(self, maps: torch.Tensor, token: torch.Tensor | None = None) -> torch.Tensor:
        """Return the features float[B, token_width + num_clusters * width], of unit length."""
        self._check_places(maps.shape[2] * maps.shape[3], "")
        places = maps.flatten(2).transpose(1, 2)
        shares = self.shares(self.scores(places))
        clusters = shares @ self.values(places)
        parts = [F.normalize(clusters, dim=2).flatten(1)]
        if self.token_width:
            whole = maps.mean(dim=(2, 3)) if token is None else token
            parts.insert(0, F.normalize(self.whole(whole), dim=1))
        return F.normalize(torch.cat(parts, dim=1), dim=1)

    def shares(self, scores: torch.Tensor) -> torch.Tensor:
        """Return how much of each place a cluster gets, float[B, K, n], of scores float[B, n, K].

        The sums over places are 1 for each cluster but the dustbin, which is left out.
        """
        num_places, num_clusters = scores.shape[1], self.num_clusters
        with torch.autocast(scores.device.type, enabled=False):
            scores = scores.float()
            bin_score = self.dustbin.float().expand(scores.shape[0], num_places, 1)
            with_bin = torch.cat([scores, bin_score], dim=2)
            masses = [1.0] * num_clusters + [float(num_places - num_clusters)]
            clusters = torch.tensor(masses, device=scores.device)
            places = torch.ones(num_places, device=scores.device)
            # Places are scaled before clusters, so that it is the clusters' sums that are exact.
            plan = transport(with_bin, places, clusters, self.rounds)
            return plan.transpose(1, 2)[:, :-1].exp()

    def _check_places(self, num_places: int, whose: str) -> None:
        if num_places <= self.num_clusters:
            raise ConfigError(
                f"the map{whose} has {num_places} places for {self.num_clusters} clusters",
                where="salad.num_clusters",
                hint="Give fewer clusters, larger images, or an earlier stage of the network.",
            )


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

"""BoQ: a bag of learnt queries, each of which asks the whole map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

Count = Annotated[int, Field(gt=0)]
_HEAD_WIDTH = 64


class Block(nn.Module):
    """Tokens float[B, n, C] -> the tokens encoded once more, and N answers float[B, N, C]."""

    def __init__(self, width: int, num_queries: int) -> None:
        super().__init__()
        heads = max(1, width // _HEAD_WIDTH)
        self.encode = nn.TransformerEncoderLayer(
            width, heads, dim_feedforward=4 * width, dropout=0.0, batch_first=True
        )
        self.queries = nn.Parameter(torch.randn(1, num_queries, width))
        self.ask_each_other = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_queries = nn.LayerNorm(width)
        self.ask_tokens = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_answers = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return tokens and answers."""
        tokens = self.encode(tokens)
        # Without the images in it: the same for all of them, and a constant of an export.
        asked, _ = self.ask_each_other(self.queries, self.queries, self.queries, need_weights=False)
        queries = self.norm_queries(self.queries + asked).expand(tokens.shape[0], -1, -1)
        answers, _ = self.ask_tokens(queries, tokens, tokens, need_weights=False)
        return tokens, self.norm_answers(answers)


class BoQ(nn.Module):
    """Map float[B, C, h, w] of any size -> float[B, rows * width]: what learnt queries find in it.

    A 3x3 convolution leaves ``width`` channels, normalised place by place. In each of ``blocks``
    blocks a transformer layer encodes the places, ``num_queries`` learnt queries attend to each
    other and then to the places; a linear layer makes ``rows`` vectors of the answers of all
    blocks. ``width`` must be a multiple of 64, or at most 64. Ali-bey, Chaib-draa, Giguere,
    CVPR 2024, arXiv 2405.07364, section 3; the defaults are those for DINOv2.
    """

    def __init__(
        self,
        width: Count = 384,
        num_queries: Count = 64,
        blocks: Count = 2,
        rows: Count = 32,
    ) -> None:
        super().__init__()
        self.width = width
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width, num_queries) for _ in range(blocks))
        self.mix = nn.Linear(blocks * num_queries, rows)

    def prepare(self, num_channels: int, grids: Mapping[str, tuple[int, int]]) -> None:  # noqa: ARG002
        """Make the convolution, which needs to know C."""
        self.reduce = nn.Conv2d(num_channels, self.width, kernel_size=3, padding=1)

    def forward(self, maps: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
        """Return the features float[B, rows * width]."""
        tokens = self.norm(self.reduce(maps).flatten(2).transpose(1, 2))
        found = []
        for block in self.blocks:
            tokens, answers = block(tokens)
            found.append(answers)
        mixed: torch.Tensor = self.mix(torch.cat(found, dim=1).transpose(1, 2))
        return mixed.transpose(1, 2).flatten(1)

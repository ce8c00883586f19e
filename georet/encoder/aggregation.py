"""An aggregator behind a backbone's trunk, prepared, checked, and with a projection if wanted."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from georet.blame import blaming, maker_of
from georet.contracts.encoding import Aggregator, Grids
from georet.encoder.branch import Outputs, asks_of


class Aggregation(nn.Module):
    """Map float[B, C, h, w] and class token float[B, C] or None -> features float[B, embed_dim].

    For backbones with an option ``aggregator``. ``num_channels`` is C, ``grids`` the map's size by
    view. With ``embed_dim`` a trained linear layer follows the aggregator.
    """

    def __init__(
        self,
        aggregator: Aggregator,
        *,
        num_channels: int,
        grids: Grids,
        has_token: bool,
        embed_dim: int | None = None,
    ) -> None:
        super().__init__()
        maker = maker_of(aggregator)
        if not isinstance(aggregator, nn.Module):
            raise maker.broke(f"a {type(aggregator).__name__} is no torch.nn.Module")
        prepare = getattr(aggregator, "prepare", None)
        if prepare is not None:
            with blaming(aggregator, "prepare()"):
                prepare(num_channels, grids)
        self.aggregator: nn.Module = aggregator
        self._asks = asks_of(aggregator, ("outputs",))
        self._embed_dim: int | None = None
        self.proj: nn.Module = nn.Identity()
        was_training = aggregator.training
        self.eval()
        with torch.no_grad():
            for height, width in dict.fromkeys(grids.values()) or [(4, 4)]:
                maps = torch.zeros(2, num_channels, height, width)
                found = self(maps, torch.zeros(2, num_channels) if has_token else None)
                self._embed_dim = int(found.shape[1])
        self.train(was_training)
        if embed_dim is not None:
            self.proj = nn.Linear(cast(int, self._embed_dim), embed_dim)
        self.embed_dim = embed_dim or cast(int, self._embed_dim)

    def forward(
        self, maps: Tensor, token: Tensor | None = None, *, outputs: Outputs | None = None
    ) -> Tensor:
        """Return the features float[B, embed_dim]; ComponentError unless the shapes fit."""
        asked: dict[str, Any] = {"outputs": outputs} if self._asks else {}
        if torch.compiler.is_compiling():
            return cast(Tensor, self.proj(self.aggregator(maps, token, **asked)))
        with blaming(self.aggregator, "the aggregator"):
            found = self.aggregator(maps, token, **asked)
        is_matrix = isinstance(found, Tensor) and found.ndim == 2
        if not is_matrix or found.shape[0] != maps.shape[0] or not found.is_floating_point():
            shown = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise maker_of(self.aggregator).broke(
                f"the aggregator returned {shown} for {maps.shape[0]} maps, wanted float[B, D]"
            )
        if self._embed_dim not in (None, found.shape[1]):
            raise maker_of(self.aggregator).broke(
                f"the aggregator returned {found.shape[1]} values for this map, and "
                f"{self._embed_dim} for another",
                "D must not depend on the map's size.",
            )
        return cast(Tensor, self.proj(found))

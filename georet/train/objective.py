"""The objective: a weighted sum of losses, which may own parameters."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from georet.blame import blaming, maker_of
from georet.contracts.encoding import MAP
from georet.contracts.training import Loss
from georet.types import EmbeddedBatch, PairTable


class Objective(nn.Module):
    """(embedded: EmbeddedBatch) -> total float[] and each loss's value, by name."""

    def __init__(self, losses: Mapping[str, tuple[Loss, float]]) -> None:
        super().__init__()
        self._losses = dict(losses)
        # Registered so that their parameters and buffers are trained, moved and saved.
        self.losses = nn.ModuleDict(
            {name: loss for name, (loss, _) in losses.items() if isinstance(loss, nn.Module)}
        )

    def prepare(self, embed_dim: int, pairs: PairTable) -> None:
        """Check that the columns that losses need are there; let those that want to prepare."""
        for loss, _ in self._losses.values():
            missing = [c for c in getattr(loss, "requires_columns", ()) if c not in pairs.columns]
            if missing:
                raise maker_of(loss).broke(
                    f"needs the column {missing[0]!r} of the training pairs",
                    f"The data set has {', '.join(pairs.columns) or 'no columns'}.",
                )
            build = getattr(loss, "prepare", None)
            if build is not None:
                with blaming(loss, "prepare()"):
                    build(embed_dim, pairs)

    def forward(self, embedded: EmbeddedBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum and the unweighted values."""
        values = {}
        for name, (loss, _) in self._losses.items():
            with blaming(loss, "the loss", patience_s=30):
                values[name] = _checked(loss(embedded), loss)
        weighted = [values[name] * weight for name, (_, weight) in self._losses.items()]
        return torch.stack(weighted).sum(), {name: value.detach() for name, value in values.items()}

    @property
    def wanted(self) -> dict[str, str]:
        """The outputs of backbones that losses want, by name, and for errors who wants them."""
        found: dict[str, str] = {}
        for loss, _ in self._losses.values():
            wanted = [MAP] if getattr(loss, "wants_maps", False) else []
            for name in (*wanted, *getattr(loss, "wants_outputs", ())):
                found.setdefault(name, str(maker_of(loss)))
        return found

    @property
    def named(self) -> str:
        """The components that make the objective, for errors."""
        return ", ".join(maker_of(loss).id for loss, _ in self._losses.values())


def _checked(value: object, loss: Loss) -> Tensor:
    """Return what a loss returned; ComponentError unless one real number with a gradient."""
    maker = maker_of(loss)
    if not isinstance(value, Tensor):
        raise maker.broke(
            f"the loss returned a {type(value).__name__}",
            "Return a torch.Tensor float[], without .item().",
        )
    if value.ndim or not value.is_floating_point():
        kind = str(value.dtype).removeprefix("torch.")
        raise maker.broke(
            f"the loss returned {kind}{list(value.shape)}, wanted one real number, float[]",
            "Take its .mean().",
        )
    if torch.is_grad_enabled() and not value.requires_grad:
        raise maker.broke(
            "the loss returned a value that has no gradient, so nothing would be learnt",
            "Compute it from embedded.query and embedded.reference, without detach() or no_grad.",
        )
    return value.float()

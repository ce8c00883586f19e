"""The objective: a weighted sum of losses, which may own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from georet.blame import blaming, maker_of
from georet.contracts.encoding import MAP
from georet.contracts.training import Loss
from georet.encoder import asks_of, real
from georet.types import EmbeddedBatch, PairTable


@dataclass(frozen=True)
class Share:
    """What one of several ranks computes of a loss, so that all shares add up to it.

    ``rows`` are its pairs among ``num``. Where ``is_local``, losses with a parameter ``rows``
    compute the mean over these alone; the others compute the whole loss on each of ``ranks``.
    """

    rows: slice
    num: int
    ranks: int
    is_local: bool

    def of(self, loss: Loss, embedded: EmbeddedBatch) -> object:
        """Return this rank's share of a loss of the whole batch."""
        if self.is_local and takes_rows(loss):
            found = loss(embedded, rows=self.rows)  # type: ignore[call-arg]
            return found * ((self.rows.stop - self.rows.start) / self.num)
        return loss(embedded) / self.ranks


def takes_rows(loss: object) -> bool:
    """Say whether a loss can be told the pairs whose mean it shall be."""
    return bool(asks_of(loss, ("rows",)))


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

    def forward(
        self, embedded: EmbeddedBatch, share: Share | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum and the unweighted values, or this rank's ``share`` of both."""
        values = {}
        for name, (loss, _) in self._losses.items():
            with blaming(loss, "the loss", patience_s=30):
                found = loss(embedded) if share is None else share.of(loss, embedded)
                values[name] = _checked(found, loss)
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
    def without_rows(self) -> list[str]:
        """The losses that can't be computed for some pairs of a batch alone."""
        return [maker_of(loss).id for loss, _ in self._losses.values() if not takes_rows(loss)]

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
    return real(value)

"""What passes between backbones and losses in training alone: metadata in, maps and logits out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import torch
from torch import Tensor

from georet.blame import maker_of
from georet.encoder import Branch, Encoder, real
from georet.types import Batch, Ints

FEATURES: Final = ""
"""Stands for the features among the names of outputs, none of which is empty."""


class Extras:
    """Knows which outputs the losses want (``wanted``: name to who wants it), and who asks."""

    def __init__(self, encoder: Encoder, wanted: Mapping[str, str]) -> None:
        """Raise ComponentError, before any step, where a backbone can't give what is wanted."""
        self._encoder, self._wanted = encoder, dict(wanted)
        branches = [cast(Branch, branch) for branch in encoder.branches.values()]
        self._tells_batch = any("batch" in branch.asks for branch in branches)
        for branch in branches:
            if wanted and "outputs" not in branch.asks:
                name, who = next(iter(wanted.items()))
                raise maker_of(branch.backbone).broke(
                    f"gives no output {name!r}, which {who} wants",
                    "Its forward needs a parameter `outputs`, a dictionary to be filled.",
                )

    def told(self, batch: Batch, rows: Ints | None = None) -> Batch | None:
        """Return what backbones are told of a batch, or of ``rows`` of it; None where none asks."""
        if not self._tells_batch:
            return None
        return batch if rows is None else part_of(batch, rows)

    def empty(self, views: Iterable[str]) -> dict[str, dict[str, Tensor]] | None:
        """Return what backbones may fill, by view, or None where nothing is wanted."""
        return {view: {} for view in views} if self._wanted else None

    def of(
        self, outputs: Mapping[str, Mapping[str, Tensor]] | None
    ) -> dict[str, dict[str, Tensor]]:
        """Return the wanted outputs in float32; ComponentError for one that was not given."""
        found: dict[str, dict[str, Tensor]] = {}
        for view, given in (outputs or {}).items():
            for name, who in self._wanted.items():
                if name not in given:
                    raise maker_of(self._encoder.branch(view).backbone).broke(
                        f"gave no output {name!r}, which {who} wants, for the view {view!r}",
                        f"It gave: {', '.join(given) or 'none'}.",
                    )
                value = given[name]
                found.setdefault(view, {})[name] = (
                    real(value) if value.is_floating_point() else value
                )
        return found


def joined(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the outputs of all chunks, as leaves that gather gradients."""
    names = parts[0] if parts else ()
    found = {name: torch.cat([part[name] for part in parts]).detach() for name in names}
    return {n: t.requires_grad_() if t.is_floating_point() else t for n, t in found.items()}


def part_of(batch: Batch, rows: Ints) -> Batch:
    """Return the pairs ``rows`` int64[M] of a batch, without images."""
    changed: dict[str, Any] = {
        name: type(found)({key: values[rows] for key, values in found.items()})
        for name in ("rows", "shown", "applied")
        if (found := getattr(batch, name)) is not None
    }
    return replace(batch, images={}, pairs=batch.pairs[rows], **changed)

"""``torch.compile`` for an encoder that trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor

from georet.encoder import Branch, Encoder
from georet.types import Batch


class Compiled:
    """The forward pass of an encoder, each branch compiled once for each shape that it meets.

    Branches rather than the whole: views that share one share its compilation. The encoder itself
    stays as it is, so that evaluation, with batches of other sizes, compiles nothing. A branch that
    asks for the batch is left alone: it would be compiled anew for each.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._branches: dict[int, Callable[..., Any]] = {}
        for module in encoder.branches.values():
            branch = cast(Branch, module)
            is_left = "batch" in branch.asks
            self._branches[id(branch)] = branch if is_left else torch.compile(branch, dynamic=False)

    def __call__(
        self,
        images: Mapping[str, Tensor],
        batch: Batch | None = None,
        outputs: Mapping[str, dict[str, Tensor]] | None = None,
    ) -> dict[str, Tensor]:
        """Return features float32[B, D] for each view, as the encoder does."""
        found = {}
        for view, pixels in images.items():
            branch = self._encoder.branch(view)
            told = {"view": view, "batch": batch, "outputs": (outputs or {}).get(view)}
            asked = {name: value for name, value in told.items() if name in branch.asks}
            found[view] = self._branches[id(branch)](pixels, **asked)
        return found

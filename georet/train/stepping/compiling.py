"""``torch.compile`` for an encoder that trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from georet.encoder import Encoder

Pass = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def compiled(encoder: Encoder) -> Pass:
    """Return the encoder's forward pass with each branch compiled once for each shape it meets.

    Branches rather than the whole: views that share one share its compilation. The encoder itself
    stays as it is, so that evaluation, with batches of other sizes, compiles nothing.
    """
    branches = {
        name: torch.compile(branch, dynamic=False) for name, branch in encoder.branches.items()
    }

    def forward(images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {view: branches[encoder.branch_name(view)](x) for view, x in images.items()}

    return forward

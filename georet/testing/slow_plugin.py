"""A plugin for tests of what happens to ranks: everything lasts long enough to be hit.

Backbone ``slow`` is ``tiny`` that sleeps over each batch, and its checkpoints are made slowly.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import torch

from georet import Component, hookimpl
from georet.testing.tiny_backbone import TinyBackbone

STEP_S, JUDGED_S, SAVE_S = 0.4, 0.4, 4.0
"""What a training step of a view, a batch that is embedded, and a checkpoint take."""


class SlowBackbone(TinyBackbone):
    """Images float[B, 3, H, W] -> features float[B, embed_dim], after a while."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features float[B, embed_dim], not of unit length."""
        time.sleep(STEP_S if self.training else JUDGED_S)
        return super().forward(images)


@hookimpl
def georet_backbones() -> Iterable[Component]:
    """Declare the slow backbone."""
    summary = "The backbone tiny, and a nap."
    return [Component("slow", SlowBackbone, summary=summary, requires=("torch",))]


@hookimpl
def georet_checkpoint(trainer: Any, state: dict[str, Any]) -> None:
    """Take time over a checkpoint of the slow backbone."""
    del state
    if any(isinstance(module, SlowBackbone) for module in trainer.encoder.modules()):
        time.sleep(SAVE_S)

"""The exponential moving average of the encoder's weights, beside the ones that are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from georet.config import AverageConfig


class Average:
    """Keeps ``decay * average + (1 - decay) * weights`` after each update of the encoder.

    Averaged are all tensors of its state that hold real numbers: weights, and the running mean and
    variance of BatchNorms, which belong to the weights of the same updates; counters are copied.
    With ``warmup`` the decay after update t is at most (1 + t) / (10 + t), so that the weights
    drawn at random are soon forgotten.
    """

    def __init__(self, encoder: nn.Module, config: AverageConfig) -> None:
        self.config, self.num_updates = config, 0
        # The state's tensors share memory with the encoder's: they are those of any later time.
        self._own: dict[str, Tensor] = dict(encoder.state_dict())
        self.tensors = {name: tensor.clone() for name, tensor in self._own.items()}

    def update(self) -> None:
        """Take over what the last update of the encoder changed."""
        self.num_updates += 1
        decay = self.config.decay
        if self.config.warmup:
            decay = min(decay, (1 + self.num_updates) / (10 + self.num_updates))
        real = [name for name, tensor in self._own.items() if tensor.is_floating_point()]
        averages, own = [self.tensors[n] for n in real], [self._own[n] for n in real]
        # One kernel for many tensors, which each alone would be launched in turn.
        torch._foreach_lerp_(averages, own, 1 - decay)
        for name in self._own.keys() - set(real):
            self.tensors[name].copy_(self._own[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average in the encoder's place inside, and the trained weights back after."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Take up what a checkpoint kept."""
        self.num_updates = int(state["updates"])
        for name, own in self.tensors.items():
            own.copy_(tensors[name])

    @torch.no_grad()
    def _swap(self) -> None:
        for name, own in self._own.items():
            kept = own.clone()
            own.copy_(self.tensors[name])
            self.tensors[name].copy_(kept)

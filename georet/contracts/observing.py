"""What an observer hook may use of a training; everything else of the trainer is georet's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    from georet.config import RunConfig
    from georet.types import PairTable


class Position(Protocol):
    """Where a training stands; to be read, not to be set."""

    @property
    def epoch(self) -> int:
        """The epoch that is running, or the next one, counted from 0."""

    @property
    def step(self) -> int:
        """Batches done since the start of the training, over all resumes."""

    @property
    def best(self) -> float | None:
        """The best value so far of what ``evaluate.best`` names; None before an evaluation."""


class Events(Protocol):
    """A run's ``events.jsonl`` and its TensorBoard log."""

    def write(self, event: str, **values: object) -> None:
        """Append an event with JSON values; nothing in it may depend on the clock."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Send scalars to TensorBoard, where it is installed."""


class Training(Protocol):
    """A training, as observers see it.

    Modules and optimiser are the ones in use: reading them is free, changing them is at the
    plugin's own risk, and a resumed run then need not give the same bytes.
    """

    @property
    def config(self) -> RunConfig:
        """The run's configuration, complete."""

    @property
    def run_dir(self) -> Path:
        """The run's folder. A plugin writes below a folder of its own name in it."""

    @property
    def pairs(self) -> PairTable:
        """The training pairs."""

    @property
    def encoder(self) -> torch.nn.Module:
        """The encoder: ``embed(view, uint8[B, H, W, 3]) -> float32[B, D]`` of unit length."""

    @property
    def objective(self) -> torch.nn.Module:
        """The weighted losses; ``modules()`` finds a loss of one's own."""

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser."""

    @property
    def state(self) -> Position:
        """Where the training stands."""

    @property
    def events(self) -> Events:
        """The run's log."""

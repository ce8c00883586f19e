"""Which bank of embeddings the next plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from georet.progress import stage
from georet.train.mining import RunningBank, load_bank, mine, save_bank, sweep_banks
from georet.types import Batch, EmbeddingBank

if TYPE_CHECKING:
    from georet.train.trainer import Trainer

RUNNING = "running_bank"


class Banks:
    """Mines when the sampler wants it, or keeps what training has embedded anyway."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.current: EmbeddingBank | None = None
        epochs = range(trainer.config.train.epochs)
        wants_running = any(trainer.sampler.wants_bank(e) == "incremental" for e in epochs)
        self.running = (
            RunningBank(trainer.pairs, trainer.encoder.embed_dim) if wants_running else None
        )

    def prepare(self, epoch: int) -> None:
        """Make the epoch's bank current, unless a checkpoint brought it along."""
        trainer, state = self._trainer, self._trainer.state
        wanted = trainer.sampler.wants_bank(epoch)
        if state.bank_epoch == epoch or (wanted == "keep" and self.current is not None):
            return
        self.current = self._make(wanted, epoch)
        state.bank_epoch = epoch
        state.bank = None if self.current is None else save_bank(trainer.run_dir, self.current)
        if self.current is not None:
            trainer.events.write("bank", epoch=epoch, key=self.current.key)
            trainer.plugins.observe(
                "georet_bank_ready", trainer=trainer, epoch=epoch, bank=self.current
            )

    def collect(self, batch: Batch, embeddings: Mapping[str, Tensor]) -> None:
        """Take over the embeddings of a training batch, where the sampler will want them."""
        if self.running is not None:
            self.running.update(batch, embeddings)

    def groups(self) -> dict[str, dict[str, Tensor]]:
        """Return what a checkpoint must hold beside the file of the current bank."""
        return {} if self.running is None else {RUNNING: self.running.tensors()}

    def restore(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take up where a checkpoint stood."""
        entry = self._trainer.state.bank
        self.current = None if entry is None else load_bank(self._trainer.run_dir, entry)
        if self.running is not None:
            self.running.restore(groups[RUNNING])

    def sweep(self) -> None:
        """Remove bank files that the last checkpoint does not name."""
        entry = self._trainer.state.bank
        sweep_banks(self._trainer.run_dir, None if entry is None else str(entry["file"]))

    def _make(self, wanted: str | None, epoch: int) -> EmbeddingBank | None:
        if wanted == "incremental" and self.running is not None:
            return self.running.snapshot(epoch)
        if wanted not in ("mine", "keep"):
            return None
        trainer = self._trainer
        total = len(trainer.pairs.queries) + len(trainer.pairs.references)
        title = f"epoch {epoch + 1}/{trainer.config.train.epochs} mining"
        with trainer.timed("mine", epoch), stage(total, title) as bar:
            advance = partial(trainer.advance, bar)
            return mine(trainer.embedder, trainer.pairs, epoch=epoch, advance=advance)

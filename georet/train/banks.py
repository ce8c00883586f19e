"""Which bank of embeddings the next plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from georet.progress import stage
from georet.train.mining import (
    Encoded,
    RunningBank,
    bank_spec_of,
    load_bank,
    mine,
    save_bank,
    tidy_banks,
)
from georet.train.parts import Log, Parts
from georet.train.planning import wanted_bank
from georet.types import Batch, EmbeddingBank

RUNNING = "running_bank"


class Banks:
    """Mines when the sampler wants it, or keeps what training has embedded anyway."""

    def __init__(self, parts: Parts, log: Log) -> None:
        self._parts, self._log = parts, log
        self.current: EmbeddingBank | None = None
        epochs = range(parts.config.train.epochs)
        wants_running = any(wanted_bank(parts.sampler, e) == "incremental" for e in epochs)
        pairs, embed_dim = parts.data.pairs, parts.encoder.feature_dim
        self._encoded = Encoded(bank_spec_of(parts.sampler, pairs), parts.sampler)
        self.running = RunningBank(pairs, embed_dim, self._encoded) if wants_running else None

    def prepare(self, epoch: int) -> None:
        """Make the epoch's bank current, unless a checkpoint brought it along."""
        parts, state = self._parts, self._parts.state
        wanted = wanted_bank(parts.sampler, epoch)
        if state.bank_epoch == epoch or (wanted == "keep" and self.current is not None):
            return
        parts.ranks.at(f"mining, epoch {epoch}")
        self.current = self._make(wanted, epoch)
        state.bank_epoch = epoch
        state.bank = parts.ranks.once(self._saved)
        if self.current is not None:
            self._log.events.write("bank", epoch=epoch, key=self.current.key)
            self._log.observe("georet_bank_ready", epoch=epoch, bank=self.current)

    def collect(self, batch: Batch, embeddings: Mapping[str, Tensor]) -> None:
        """Take over the embeddings of a training batch, where the sampler will want them."""
        if self.running is not None:
            self.running.update(batch, embeddings)

    def groups(self) -> dict[str, dict[str, Tensor]]:
        """Return what a checkpoint must hold beside the file of the current bank."""
        return {} if self.running is None else {RUNNING: self.running.tensors()}

    def restore(self, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take up where a checkpoint stood."""
        entry = self._parts.state.bank
        self.current = None if entry is None else load_bank(self._parts.run_dir, entry)
        if self.running is not None:
            self.running.restore(groups[RUNNING])

    def tidy(self) -> None:
        """Remove bank files that the last checkpoint does not name."""
        entry = self._parts.state.bank
        tidy_banks(self._parts.run_dir, None if entry is None else str(entry["file"]))

    def _saved(self) -> dict[str, Any] | None:
        return None if self.current is None else save_bank(self._parts.run_dir, self.current)

    def _make(self, wanted: str | None, epoch: int) -> EmbeddingBank | None:
        if wanted == "incremental" and self.running is not None:
            # Before the first batch nothing is in it: then there is no bank, not one of zeros.
            return None if self.running.is_empty else self.running.snapshot(epoch)
        if wanted not in ("mine", "keep"):
            return None
        parts, pairs = self._parts, self._parts.data.pairs
        total = sum(len(pairs.views[view]) for view in self._encoded.spec.views)
        title = f"epoch {epoch + 1}/{parts.config.train.epochs} mining"
        with self._log.timed("mine", epoch), stage(total, title) as bar:
            advance = partial(self._log.advance, bar)
            embedder, encoded = parts.embedder, self._encoded
            return mine(embedder, pairs, epoch=epoch, advance=advance, encoded=encoded)

"""Mining: the bank of embeddings of all training images, by a fresh pass or as training goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from georet.errors import IntegrityError
from georet.evaluate.embed import Advance, Embedder, ignore
from georet.files import replaced_file, sha256_of
from georet.run_layout import BANKS
from georet.train.checkpoint import write_tensors
from georet.types import QUERY, REFERENCE, Batch, Bools, EmbeddingBank, Floats, PairTable


def mine(
    embedder: Embedder, pairs: PairTable, *, epoch: int, advance: Advance = ignore
) -> EmbeddingBank:
    """Embed all training queries and references, without augmentation."""
    query = embedder.table(QUERY, pairs.queries, advance)
    reference = embedder.table(REFERENCE, pairs.references, advance)
    return EmbeddingBank(query, reference, epoch, key=f"mined-{epoch}")


class RunningBank:
    """Keeps the embeddings that training computes anyway (incremental, arXiv 2505.17844)."""

    def __init__(self, pairs: PairTable, embed_dim: int) -> None:
        self.query: Floats = np.zeros((len(pairs.queries), embed_dim), np.float32)
        self.reference: Floats = np.zeros((len(pairs.references), embed_dim), np.float32)
        self.query_seen: Bools = np.zeros(len(pairs.queries), np.bool_)
        self.reference_seen: Bools = np.zeros(len(pairs.references), np.bool_)

    def update(self, batch: Batch, embeddings: Mapping[str, Tensor]) -> None:
        """Take over the embeddings float32[B, D] of a batch."""
        for view, bank, seen in (
            (QUERY, self.query, self.query_seen),
            (REFERENCE, self.reference, self.reference_seen),
        ):
            bank[batch.rows[view]] = embeddings[view].float().cpu().numpy()
            seen[batch.rows[view]] = True

    def snapshot(self, epoch: int) -> EmbeddingBank:
        """Return a copy that later updates don't touch."""
        return EmbeddingBank(
            self.query.copy(),
            self.reference.copy(),
            epoch,
            f"incremental-{epoch}",
            self.query_seen.copy(),
            self.reference_seen.copy(),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the contents, sharing memory, for a checkpoint and for taking one up again."""
        return _tensors(self.query, self.reference, self.query_seen, self.reference_seen)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up the contents of a checkpoint."""
        for name, own in self.tensors().items():
            own.copy_(tensors[name])


def save_bank(run_dir: Path, bank: EmbeddingBank) -> dict[str, object]:
    """Write a bank below the run and return what a checkpoint must remember to find it again."""
    path = run_dir / BANKS / f"{bank.key}.safetensors"
    seen_q = np.ones(len(bank.query), np.bool_) if bank.query_seen is None else bank.query_seen
    seen_r = (
        np.ones(len(bank.reference), np.bool_)
        if bank.reference_seen is None
        else bank.reference_seen
    )
    with replaced_file(path) as temporary:
        path.parent.mkdir(exist_ok=True)
        write_tensors(temporary, _tensors(bank.query, bank.reference, seen_q, seen_r))
    return {"file": path.name, "sha256": sha256_of(path), "epoch": bank.epoch, "key": bank.key}


def load_bank(run_dir: Path, entry: Mapping[str, object]) -> EmbeddingBank:
    """Return the bank that a checkpoint remembers, held against its hash."""
    path = run_dir / BANKS / Path(str(entry["file"])).name
    if not path.is_file() or sha256_of(path) != entry["sha256"]:
        raise IntegrityError(
            "the mined bank is missing or is not the one the checkpoint was made with",
            where=str(path),
        )
    arrays = {name: tensor.numpy() for name, tensor in load_file(path).items()}
    return EmbeddingBank(
        arrays["query"],
        arrays["reference"],
        int(str(entry["epoch"])),
        str(entry["key"]),
        arrays["query_seen"],
        arrays["reference_seen"],
    )


def tidy_banks(run_dir: Path, kept: str | None) -> None:
    """Remove banks that no checkpoint needs any more."""
    for path in (run_dir / BANKS).glob("*"):
        if path.name != kept:
            path.unlink()


def _tensors(query: Floats, reference: Floats, seen_q: Bools, seen_r: Bools) -> dict[str, Tensor]:
    return {
        "query": torch.from_numpy(query),
        "reference": torch.from_numpy(reference),
        "query_seen": torch.from_numpy(seen_q),
        "reference_seen": torch.from_numpy(seen_r),
    }

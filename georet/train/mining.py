"""Mining: the bank of embeddings of all training images, by a fresh pass or as training goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from georet.blame import blaming, maker_of
from georet.contracts.training import Sampler
from georet.errors import IntegrityError
from georet.evaluate.embed import Advance, Embedder, ignore
from georet.files import replaced_file, sha256_of
from georet.run_layout import BANKS
from georet.tables.bank import Vectors
from georet.train.checkpoint import write_tensors
from georet.types import BankSpec, Batch, Bools, EmbeddingBank, Floats, PairTable

BLOCK: Final = 65_536
"""Images whose embeddings lie in memory at once, where a sampler wants something else of them."""
SEEN: Final = "_seen"
_NUMBERS: Final = "biuf"


def bank_spec_of(sampler: Sampler, pairs: PairTable) -> BankSpec:
    """Return what the sampler wants to be in its banks; ComponentError for what can't be."""
    spec: object = getattr(sampler, "bank_spec", BankSpec())
    if not isinstance(spec, BankSpec):
        raise maker_of(sampler).broke(
            f"bank_spec is a {type(spec).__name__}", "It is a georet.types.BankSpec."
        )
    unknown = [view for view in spec.views if view not in pairs.views]
    if unknown or not spec.views:
        raise maker_of(sampler).broke(
            f"bank_spec wants view {unknown[0]!r}" if unknown else "bank_spec wants no view",
            f"The training pairs have {', '.join(pairs.views)}.",
        )
    return spec


def mine(
    embedder: Embedder,
    pairs: PairTable,
    *,
    epoch: int,
    advance: Advance = ignore,
    encoded: Encoded | None = None,
) -> EmbeddingBank:
    """Embed all training images without augmentation; keep of them what ``encoded`` says.

    Without it that is the embeddings float32[R, D] of queries and references.
    """
    encoded = encoded or Encoded(BankSpec())
    vectors = {}
    for view in encoded.spec.views:
        table = pairs.views[view]
        if encoded.spec.encode is None:
            vectors[view] = embedder.table(view, table, advance)
            continue
        parts = [
            encoded(view, embedder.table(view, table.take(rows), advance))
            for rows in np.split(np.arange(len(table)), range(BLOCK, len(table), BLOCK))
        ]
        vectors[view] = np.concatenate(parts)
    return EmbeddingBank.of_views(vectors, epoch, f"mined-{epoch}")


class Encoded:
    """What a sampler wants to be kept of embeddings; what is wrong with it is told as its fault."""

    def __init__(self, spec: BankSpec, sampler: object = None) -> None:
        self.spec, self.sampler = spec, sampler

    def __call__(self, view: str, embeddings: Floats) -> Vectors:
        """Return [M, W] of a view's embeddings float32[M, D]."""
        if self.spec.encode is None:
            return embeddings
        with blaming(self.sampler, "bank_spec.encode()"):
            found: Any = self.spec.encode(view, embeddings)
        good = isinstance(found, np.ndarray) and found.ndim == 2 and found.dtype.kind in _NUMBERS
        if not good or len(found) != len(embeddings):
            held = f"{found.dtype}{list(found.shape)}" if isinstance(found, np.ndarray) else found
            raise maker_of(self.sampler).broke(
                f"bank_spec.encode() returned {held!s:.60} for {len(embeddings)} embeddings",
                "Return an array of numbers [M, W], one row an embedding.",
            )
        return np.ascontiguousarray(found)


class RunningBank:
    """Keeps the embeddings that training computes anyway (incremental, arXiv 2505.17844)."""

    def __init__(self, pairs: PairTable, embed_dim: int, encoded: Encoded | None = None) -> None:
        self._encoded = encoded or Encoded(BankSpec())
        self.vectors: dict[str, Vectors] = {}
        self.seen: dict[str, Bools] = {}
        for view in self._encoded.spec.views:
            like, num = self._encoded(view, np.zeros((1, embed_dim), np.float32)), pairs.views[view]
            self.vectors[view] = np.zeros((len(num), like.shape[1]), like.dtype)
            self.seen[view] = np.zeros(len(num), np.bool_)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was taken over yet."""
        return not any(seen.any() for seen in self.seen.values())

    def update(self, batch: Batch, embeddings: Mapping[str, Tensor]) -> None:
        """Take over the embeddings float32[B, D] of a batch."""
        for view, bank in self.vectors.items():
            rows = batch.rows[view]
            if view not in embeddings:
                raise maker_of(self._encoded.sampler).broke(
                    f"bank_spec wants view {view!r}, which the encoder doesn't embed",
                    f"It embeds {', '.join(embeddings)}.",
                )
            vectors = self._encoded(view, embeddings[view].float().cpu().numpy())
            has_image = rows >= 0
            bank[rows[has_image]] = vectors[has_image]
            self.seen[view][rows[has_image]] = True

    def snapshot(self, epoch: int) -> EmbeddingBank:
        """Return a copy that later updates don't touch."""
        vectors = {view: array.copy() for view, array in self.vectors.items()}
        seen = {view: array.copy() for view, array in self.seen.items()}
        return EmbeddingBank.of_views(vectors, epoch, f"incremental-{epoch}", seen)

    def tensors(self) -> dict[str, Tensor]:
        """Return the contents, sharing memory, for a checkpoint and for taking one up again."""
        return _tensors(self.vectors, self.seen)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up the contents of a checkpoint."""
        for name, own in self.tensors().items():
            own.copy_(tensors[name])


def save_bank(run_dir: Path, bank: EmbeddingBank) -> dict[str, Any]:
    """Write a bank below the run and return what a checkpoint must remember to find it again."""
    path = run_dir / BANKS / f"{bank.key}.safetensors"
    seen = {view: bank.seen(view) for view in bank.views}
    with replaced_file(path) as temporary:
        path.parent.mkdir(exist_ok=True)
        write_tensors(temporary, _tensors(bank.views, seen))
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
    views = [name.removesuffix(SEEN) for name in arrays if name.endswith(SEEN)]
    return EmbeddingBank.of_views(
        {view: arrays[view] for view in views},
        int(str(entry["epoch"])),
        str(entry["key"]),
        {view: arrays[view + SEEN] for view in views},
    )


def tidy_banks(run_dir: Path, kept: str | None) -> None:
    """Remove banks that no checkpoint needs any more."""
    for path in (run_dir / BANKS).glob("*"):
        if path.name != kept:
            path.unlink()


def _tensors(vectors: Mapping[str, Vectors], seen: Mapping[str, Bools]) -> dict[str, Tensor]:
    arrays = dict(vectors) | {view + SEEN: array for view, array in seen.items()}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}

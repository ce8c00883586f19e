"""What each kind of component must do; structural types, so a plugin inherits from nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from georet.identity import EncoderIdentity
from georet.types import (
    BatchPlan,
    Bools,
    EmbeddedBatch,
    EmbeddingBank,
    EvaluationSet,
    Floats,
    Ints,
    PairTable,
    Pixels,
    Ranking,
)

if TYPE_CHECKING:
    import torch

    from georet.encoder import Encoder
    from georet.export_spec import ExportSpec


@runtime_checkable
class Backbone(Protocol):
    """A ``torch.nn.Module``: normalised images float[B, 3, H, W] -> features float[B, D].

    The features are not of unit length. Aggregators and extra heads live inside. Where it has
    ``bare_options: dict[str, Any]`` (JSON values), these replace the configured options when its
    weights will come from a checkpoint, so that nothing is read or fetched in vain.
    """

    embed_dim: int
    mean: tuple[float, float, float]
    """What to subtract from RGB in 0..1."""
    std: tuple[float, float, float]
    """What to divide by afterwards."""

    def __call__(self, images: torch.Tensor, /) -> torch.Tensor: ...

    def parameters(self) -> Iterator[torch.nn.Parameter]: ...


@runtime_checkable
class Loss(Protocol):
    """(embedded: EmbeddedBatch) -> float[], usually a ``torch.nn.Module``.

    Its own parameters are trained with the encoder's and never exported. Where it has
    ``prepare(embed_dim: int, pairs: PairTable) -> None``, that is called once before training.
    """

    def __call__(self, embedded: EmbeddedBatch, /) -> torch.Tensor: ...


@runtime_checkable
class Sampler(Protocol):
    """Plans epochs; stateless: the same arguments give the same plan."""

    def wants_bank(self, epoch: int) -> str | None:
        """Say what embeddings the plan of ``epoch`` needs.

        ``"mine"``: a fresh pass over all training images before the epoch; ``"keep"``: the bank of
        an earlier epoch; ``"incremental"``: the embeddings seen while training; None: nothing.
        """

    def plan(
        self,
        epoch: int,
        pairs: PairTable,
        bank: EmbeddingBank | None,
        *,
        batch_size: int,
        seed: int,
    ) -> BatchPlan:
        """Return the epoch's batches int64[S, B]."""


@runtime_checkable
class Dataset(Protocol):
    """Where images come from; nothing is decoded here."""

    def train(self) -> PairTable:
        """Return the training pairs."""

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the named sets of queries and galleries that judge a run, main one first."""


class JointTransform(Protocol):
    """Sees all views of a pair: {view: uint8[H, W, 3]}, rng -> the same, in the same sizes."""

    joint: bool

    def __call__(
        self, images: dict[str, Pixels], rng: np.random.Generator, /
    ) -> dict[str, Pixels]: ...


class ImageTransform(Protocol):
    """Sees one image: uint8[H, W, 3], rng -> uint8[H, W, 3]."""

    def __call__(self, image: Pixels, rng: np.random.Generator, /) -> Pixels: ...


Metric = Callable[[Ranking], Mapping[str, float]]
"""(ranking: Ranking) -> {name: value}; shares in percent, distances in metres."""


@runtime_checkable
class Index(Protocol):
    """Searches R references: embeddings float32[R, D] with int64[R] ids."""

    def add(self, embeddings: Floats, ids: Ints) -> None:
        """Add embeddings float32[M, D] of unit length under ids int64[M], each id once."""

    def search(self, queries: Floats, k: int, region: Bools | None = None) -> tuple[Floats, Ints]:
        """Return scores float32[Q, k] and ids int64[Q, k], best first, -1 pads.

        ``region`` bool[R] are the rows allowed, in the order in which they were added.
        """

    def save(self, path: Path) -> None:
        """Write the index, with its hash."""

    def load(self, path: Path) -> None:
        """Take the place of the index that was saved there; IntegrityError unless it verifies."""

    def verify(self, path: Path) -> None:
        """Raise IntegrityError unless the file is the one that was saved."""


@runtime_checkable
class Exporter(Protocol):
    """Writes one branch of an encoder as files that another runtime executes."""

    def export(self, encoder: Encoder, spec: ExportSpec, out: Path) -> Path:
        """Write the artefact as the folder ``out``, which does not exist yet, and return it.

        The branch is ``encoder.branch(spec.view)``; the encoder must stay as it is. With a
        manifest ``artefact.json`` the artefact is compared with torch, and back ends open it.
        """


@runtime_checkable
class Session(Protocol):
    """Embeds the images of one view, whatever executes the encoder: torch or an exported file."""

    identity: EncoderIdentity
    max_batch: int | None
    """The most images that ``embed`` passes to the runtime at once; None: no limit of its own."""

    def embed(self, images: Pixels, /) -> Floats:
        """Return unit-length embeddings float32[B, D] of uint8[B, H, W, 3], RGB, any B."""

    def close(self) -> None:
        """Release what the runtime holds."""


@runtime_checkable
class Backend(Protocol):
    """One runtime that executes artefacts."""

    def refuses(self, artefact: Path) -> str | None:
        """Say why this runtime, on this machine, can't execute the artefact's format; else None.

        Nothing of the artefact but its manifest is read.
        """

    def open(self, artefact: Path, view: str, *, threads: int | None = None) -> Session:
        """Verify the artefact against its manifest, then load it."""


@runtime_checkable
class Reranker(Protocol):
    """Re-orders the candidates of one query, never more than ``max_candidates``."""

    max_candidates: int

    def __call__(self, query: Path, candidates: Sequence[Path], /) -> Ints: ...

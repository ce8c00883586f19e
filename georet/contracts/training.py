"""What backbones, losses, samplers, data sets, transforms and metrics must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from georet.contracts.transforming import ImageTransform as ImageTransform
from georet.contracts.transforming import JointTransform as JointTransform
from georet.types import (
    BatchPlan,
    EmbeddedBatch,
    EmbeddingBank,
    EvaluationSet,
    PairTable,
    Ranking,
)

if TYPE_CHECKING:
    import torch


@runtime_checkable
class Backbone(Protocol):
    """A ``torch.nn.Module``: normalised images float[B, 3, H, W] -> features float[B, D].

    The features are not of unit length. Aggregators and extra heads live inside. Of these, its
    ``forward`` is told those that it has a parameter for: ``view``, the name of the images' view,
    in exports too; ``batch``, in training the ``Batch`` of the images' pairs (of a chunk, where
    ``train.chunk`` is set), else None; ``outputs``, None or a dictionary into which it puts what
    losses want beside the features, tensors of B rows: ``map`` float[B, C, h, w], or any other.

    Where it has
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
    """Plans epochs; stateless: the same arguments give the same plan.

    Where it has ``bank_spec: BankSpec``, that says which views are in its banks and what is kept of
    their embeddings; otherwise these are float32 embeddings of queries and references.

    Where it has ``prepare(epoch, pairs, bank, rows_to_first: RowsToFirst) -> None``, all of several
    ranks call that before the first one calls ``plan``: a sampler can search for the neighbours of
    its pairs in shares there, and remember what was found.
    """

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
        """Return the epoch's batches int64[S, B].

        With a parameter ``epochs: int`` it is told how many epochs the run has.
        """


@runtime_checkable
class Dataset(Protocol):
    """Where images come from; nothing is decoded here."""

    def train(self) -> PairTable:
        """Return the training pairs."""

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the named sets of queries and galleries that judge a run, main one first."""


RowsToFirst = Callable[[int, Callable[[slice], NDArray[Any]]], "NDArray[Any] | None"]
"""(num, work) -> [num, ...]: what ``work(rows)`` made on each rank of its share of ``num`` rows, an
array [n, ...] for n rows, on the first rank; None on the others."""

Metric = Callable[[Ranking], Mapping[str, float]]
"""(ranking: Ranking) -> {name: value}; shares in percent, distances in metres."""

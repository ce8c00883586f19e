"""Losses of pytorch-metric-learning (Musgrave, Belongie, Lim, arXiv 2008.09164) by their names."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Final, cast

import torch
from pydantic import Field
from torch import nn

from georet.errors import ConfigError
from georet.types import REFERENCE, EmbeddedBatch, PairTable
from georet_pml.library import build, find

LABEL_FREE: Final = ("VICRegLoss",)
"""Losses that compare the two views row by row and refuse labels; a miner does nothing there."""

_SIZES: Final = ("num_classes", "embedding_size")


class MetricLoss(nn.Module):
    """EmbeddedBatch of B pairs -> float[]: a loss of the library on the 2 B embeddings.

    ``loss`` and ``miner`` are names of classes in ``pytorch_metric_learning.losses`` and
    ``.miners``; ``options`` and ``miner_options`` are what their constructors take. Where that is
    an object (``distance``, ``reducer``, a regularizer), give its name, or a mapping of ``name``
    and its own options. The label of both images of a pair is the row of its reference, so that
    queries of one tile are positives of each other. A loss with proxies, one a label, gets
    ``num_classes`` and ``embedding_size`` from the data unless they are given; ``seed`` decides how
    proxies begin.

    Raises ConfigError for names and options that the library does not have, MissingExtraError
    where the library is not installed.
    """

    inner: nn.Module | None

    def __init__(
        self,
        *,
        loss: str,
        options: dict[str, Any] | None = None,
        miner: str | None = None,
        miner_options: dict[str, Any] | None = None,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__()
        self._name = loss
        self._options = dict(options or {})
        self._seed = seed
        signature = inspect.signature(find("losses", loss, where="loss"))
        self._open = [k for k in _SIZES if k in signature.parameters and k not in self._options]
        self.inner = None if self._open else self._build(self._options)
        self.miner: nn.Module | None = None
        if miner is not None:
            self.miner = build("miners", miner, miner_options or {}, where="miner_options")
        elif miner_options:
            raise ConfigError("options of no miner", where="miner_options", hint="Give miner: too.")

    def prepare(self, embed_dim: int, pairs: PairTable) -> None:
        """Make the proxies, where the loss has some: one for each reference of the pairs."""
        if not self._open:
            return
        known = {"num_classes": len(pairs.references), "embedding_size": embed_dim}
        options = self._options | {key: known[key] for key in self._open}
        self.inner = self._build(options)

    def forward(self, embedded: EmbeddedBatch) -> torch.Tensor:
        """Return the loss float[] in float32."""
        if self.inner is None:
            raise ConfigError(
                f"{self._name} needs {', '.join(self._open)}",
                where="options",
                hint="Call prepare(embed_dim, pairs) first, as training does, or give them.",
            )
        device = embedded.query.device
        with torch.autocast(device.type, enabled=False):
            query, reference = embedded.query.float(), embedded.reference.float()
            if self._name in LABEL_FREE:
                unlabelled: torch.Tensor = self.inner(query, ref_emb=reference)
                return unlabelled
            rows = torch.from_numpy(embedded.batch.rows[REFERENCE]).to(device)
            embeddings, labels = torch.cat([query, reference]), torch.cat([rows, rows])
            mined = None if self.miner is None else self.miner(embeddings, labels)
            value: torch.Tensor = self.inner(embeddings, labels, mined)
            return value

    def _build(self, options: dict[str, Any]) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            return cast(nn.Module, build("losses", self._name, options, where="options"))

"""One step of one rank, in float64; ``test_one_step`` runs this file by its path, once a rank.

    python one_step.py RANK SIZE STORE FOLDER

It writes for each case of ``CASES`` the gradients, the weights after a step of SGD and what the
loss saw, as ``FOLDER/<case>-<rank>.npz``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from timm.layers import DropPath
from torch import Tensor, nn

from georet.config import ComponentSpec, RanksConfig, TrainConfig
from georet.encoder import SHARED, Branch, Encoder
from georet.ranks.joined import Joined
from georet.ranks.world import Ranks
from georet.testing.tiny_backbone import TinyBackbone
from georet.train.objective import Objective
from georet.train.optim import build_optimizer
from georet.train.optimising.makers import SGD
from georet.train.step import Stepper
from georet.types import Batch, EmbeddedBatch, ImageTable, PairTable
from georet_sample4geo.info_nce import InfoNCE

NUM = 12


class Dropping(TinyBackbone):
    """Drops features, channels and whole paths, and draws noise."""

    def __init__(self) -> None:
        super().__init__()
        self.values, self.channels, self.path = nn.Dropout(0.3), nn.Dropout2d(0.2), DropPath(0.4)

    def forward(self, images: Tensor) -> Tensor:
        kept = super().forward(self.channels(images))
        return kept + self.path(self.values(kept) + 0.1 * torch.rand_like(kept))


class Telling(TinyBackbone):
    """Gives a second output besides the features."""

    def forward(self, images: Tensor, outputs: dict[str, Tensor] | None = None) -> Tensor:
        found = super().forward(images)
        if outputs is not None:
            outputs["brightness"] = images.mean(dim=(2, 3)) * found[:, :3]
        return found


class Proxies(nn.Module):
    """A loss with parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.linspace(-1, 1, 32 * 4, dtype=torch.float64).view(4, 32))

    def forward(self, embedded: EmbeddedBatch) -> Tensor:
        label = torch.from_numpy(embedded.batch.pairs % 4)
        return nn.functional.cross_entropy(embedded.query @ self.centres.T, label)


class OfOutputs(nn.Module):
    wants_outputs = ("brightness",)

    def forward(self, embedded: EmbeddedBatch) -> Tensor:
        told = embedded.outputs
        return (told["query"]["brightness"] - told["reference"]["brightness"]).square().mean()


class Street(nn.Module):
    def forward(self, embedded: EmbeddedBatch) -> Tensor:
        return -(embedded.query * embedded.embeddings["street"]).sum()


@dataclass(frozen=True)
class Case:
    """What a stepper is made of."""

    backbone: Callable[[], TinyBackbone] = TinyBackbone
    losses: Callable[[], Mapping[str, tuple[Any, float]]] = lambda: {"info": (InfoNCE(), 1.0)}
    branches: tuple[str, ...] = (SHARED,)
    views: tuple[str, ...] = ("query", "reference")
    num: int = NUM
    batches: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)


LOCAL = {"ranks": RanksConfig(local_loss=True)}
TWO = {"losses": lambda: {"info": (InfoNCE(), 1.0), "proxies": (Proxies(), 0.5)}}
MASKED = {"losses": lambda: {"info": (InfoNCE(ignore_semi_positives=True), 1.0)}}
LACKING = {
    "losses": lambda: {"info": (InfoNCE(), 1.0), "street": (Street(), 0.3)},
    "views": ("query", "reference", "street"),
}
CASES = {
    "plain": Case(),
    "local loss": Case(settings=LOCAL),
    "local loss with a mask": Case(**MASKED, settings=LOCAL),
    "drop path": Case(Dropping),
    "chunks": Case(settings={"chunk": 2}),
    "chunks that drop": Case(Dropping, settings={"chunk": 3}),
    "two losses": Case(**TWO),
    "two losses, one of them local": Case(**TWO, settings=LOCAL),
    "separate branches": Case(branches=("query", "reference")),
    "separate branches in chunks": Case(
        Dropping, branches=("query", "reference"), num=11, settings={"chunk": 2}
    ),
    "pairs that ranks don't divide": Case(num=11),
    "the same with a local loss": Case(num=11, settings=LOCAL),
    "a view that pairs lack": Case(**LACKING, branches=("query", "reference", "street")),
    "a view that pairs lack, in chunks": Case(**LACKING, settings={"chunk": 2}),
    "outputs": Case(Telling, lambda: {"info": (InfoNCE(), 1.0), "out": (OfOutputs(), 1.0)}),
    "outputs in chunks": Case(
        Telling,
        lambda: {"info": (InfoNCE(), 1.0), "out": (OfOutputs(), 1.0)},
        settings={"chunk": 2},
    ),
    "accumulated": Case(Dropping, batches=3, settings={"accumulate": 3}),
}


def whole_batch(case: Case, step: int) -> Batch:
    """Return a batch of noise in which only the first pair, and some of the last, see a street."""
    rows, draw = np.arange(case.num), torch.Generator().manual_seed(step)
    images = ImageTable([str(i) for i in rows], [Path(str(i)) for i in rows])
    views = dict.fromkeys(case.views, images)
    columns = [rows if view != "street" else np.where(rows < 4, rows, -1) for view in views]
    semi = np.stack([np.roll(rows, -1)], axis=1)
    table = PairTable(views, np.stack(columns, axis=1), semi_positives=semi)
    pixels = {
        view: torch.randint(0, 256, (case.num, 12, 12, 3), generator=draw, dtype=torch.uint8)
        for view in views
    }
    own = {view: table.pairs[:, column] for column, view in enumerate(views)}
    return Batch(pixels, rows, own, table, 0, step)


def share_of(whole: Batch, ranks: Ranks) -> Batch:
    """Return what a loader would have loaded of it on this rank."""
    if ranks.is_alone:
        return whole
    mine = ranks.slots(len(whole.pairs))
    return replace(
        whole,
        images={view: pixels[mine] for view, pixels in whole.images.items()},
        pairs=whole.pairs[mine],
        rows={view: rows[mine] for view, rows in whole.rows.items()},
        shown={},
        whole=replace(whole, images={}),
    )


def stepper_of(case: Case, ranks: Ranks) -> Stepper:
    torch.manual_seed(0)
    branches = {name: Branch(case.backbone()) for name in case.branches}
    encoder = Encoder(branches, logit_scale=1.5).double()
    objective = Objective(case.losses()).double()
    config = TrainConfig(
        lr=0.1,
        weight_decay=0.01,
        clip="none",
        optimizer=ComponentSpec(name="sgd"),
        **dict(case.settings),
    )
    modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
    optimizer = build_optimizer(modules, config, SGD())
    encoder.train()
    precision = torch.float64
    return Stepper(encoder, objective, optimizer, config, precision=precision, seed=0, ranks=ranks)


def outcome(case: Case, ranks: Ranks) -> dict[str, Any]:
    """Return the gradients of the update, the weights after it, and the losses, as arrays."""
    stepper, found = stepper_of(case, ranks), {}
    real = stepper.optimizer.step

    def noted(*arguments: Any, **options: Any) -> Any:
        for name, parameter in stepper.parameters.items():
            found[f"gradient {name}"] = np.asarray(
                np.nan if parameter.grad is None else parameter.grad.numpy()
            ).copy()
        return real(*arguments, **options)

    stepper.optimizer.step = noted  # type: ignore[method-assign]
    for step in range(case.batches):
        batch = share_of(whole_batch(case, step), ranks)
        result = stepper.run(batch, 1.0, update=step == case.batches - 1)
        assert result.fault is None, result.fault
        found[f"loss {step}"] = np.array([result.loss, *result.losses.values()])
        for view, embeddings in result.embeddings.items():
            found[f"embeddings {view} {step}"] = embeddings.numpy()
    for name, parameter in stepper.parameters.items():
        found[f"weight {name}"] = parameter.detach().numpy().copy()
    return found


def main() -> None:
    rank, size = int(sys.argv[1]), int(sys.argv[2])
    store = dist.FileStore(sys.argv[3], size)  # type: ignore[attr-defined]
    ranks = Joined(rank, size, store=store, patience_s=60)
    ranks.connect()
    for number, case in enumerate(CASES.values()):
        np.savez(Path(sys.argv[4]) / f"{number}-{rank}.npz", **outcome(case, ranks))
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

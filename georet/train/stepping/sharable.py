"""What a training must be so that several ranks can share it."""

from __future__ import annotations

from typing import cast

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from georet.blame import maker_of
from georet.config import RunConfig
from georet.encoder import Branch, Encoder
from georet.errors import ConfigError
from georet.ranks.world import Ranks
from georet.types import PairTable


def fit_for_ranks(encoder: Encoder, config: RunConfig, pairs: PairTable, ranks: Ranks) -> None:
    """Make BatchNorms count the whole batch, on CUDA; ConfigError for what ranks can't share."""
    if ranks.is_alone:
        return
    if config.train.batch_size < ranks.size:
        raise ConfigError(
            f"{config.train.batch_size} pairs can't be shared by {ranks.size} ranks",
            where="train.batch_size",
            hint="It is the batch of all ranks together; give each at least one pair.",
        )
    branches = [(name, cast(Branch, branch)) for name, branch in encoder.branches.items()]
    for name, branch in branches:
        if not has_batch_statistics(branch):
            continue
        _check_statistics(branch, config, pairs, encoder.log_scale.device.type)
        encoder.branches[name] = _synchronised(branch)


def _synchronised(branch: nn.Module) -> nn.Module:
    # torch doesn't type it.
    found: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(branch)  # type: ignore[no-untyped-call]
    return found


def has_batch_statistics(module: nn.Module) -> bool:
    """Say whether anything in a module normalises by the statistics of the batch in training."""
    was_training = module.training
    module.train()
    found = any(isinstance(each, _BatchNorm) and each.training for each in module.modules())
    module.train(was_training)
    return found


def _check_statistics(branch: Branch, config: RunConfig, pairs: PairTable, device: str) -> None:
    maker = maker_of(branch.backbone)
    why, hint = None, "Freeze them (freeze_batchnorm: true of sample4geo:timm keeps their running"
    hint += " statistics), or take a backbone without BatchNorm, for example a ConvNeXt."
    if device != "cuda":
        why = "and on the CPU torch can't make them count the pairs of other ranks"
    elif config.train.chunk is not None:
        why = "and with train.chunk they would count single chunks"
    elif any((pairs.pairs[:, column] < 0).any() for column in range(pairs.pairs.shape[1])):
        why = "and some pairs lack a view: a rank without any would not take part in its statistics"
    if why is not None:
        raise ConfigError(
            f"the backbone has BatchNorms that learn from the batch, {why}",
            where=f"encoder, {maker.id}",
            hint=hint,
        )

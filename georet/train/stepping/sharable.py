"""What a training must be so that several ranks can share it."""

from __future__ import annotations

from typing import Final, cast

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from georet.blame import maker_of
from georet.config import RunConfig
from georet.encoder import Branch, Encoder
from georet.errors import ConfigError
from georet.ranks.world import Ranks
from georet.types import PairTable

FREEZE: Final = (
    "Freeze them (freeze_batchnorm: true of sample4geo:timm keeps their running statistics), or "
    "take a backbone without BatchNorm, for example a ConvNeXt."
)


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
        encoder.branches[name] = synchronised(branch)


def synchronised(branch: nn.Module) -> nn.Module:
    """Return a branch whose BatchNorms count the batches of all ranks, with the same tensors.

    ConfigError for BatchNorms of somebody's own kind: torch would put its own in their place, and
    what they do besides would be lost.
    """
    from timm.layers import BatchNormAct2d, convert_sync_batchnorm

    known = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, BatchNormAct2d)
    for name, module in branch.named_modules():
        if isinstance(module, _BatchNorm) and type(module) not in known:
            raise ConfigError(
                f"no {type(module).__name__} is known that counts the batches of other ranks",
                where=f"encoder, {name}",
                hint=FREEZE,
            )
    # timm's, since its BatchNorms apply their activation too, which torch's converter would drop.
    found: nn.Module = convert_sync_batchnorm(branch)
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
    why = None
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
            hint=FREEZE,
        )

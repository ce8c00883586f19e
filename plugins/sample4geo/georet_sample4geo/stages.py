"""The stages of a timm network: which there are, cutting after one, freezing the first ones."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from georet.errors import ConfigError

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def stage_names(network: nn.Module, model: str) -> list[str]:
    """Return the dotted names of the network's stages in forward order, such as ``blocks.0``.

    They are the siblings of the last module in timm's ``feature_info``: the ``blocks`` of an
    EfficientNet or a ViT, the ``stages`` of a ConvNeXt, ``layer1`` to ``layer4`` of a ResNet.
    """
    info = getattr(network, "feature_info", None)
    last = str(info[-1]["module"]) if info else ""
    container, _, name = last.rpartition(".")
    if container:
        return [f"{container}.{n}" for n, _ in network.get_submodule(container).named_children()]
    prefix = name.rstrip("0123456789")
    names = [n for n, _ in network.named_children() if re.fullmatch(rf"{prefix}\d+", n)]
    if not names:
        raise ConfigError(
            f"timm does not say what the stages of {model} are",
            where="stage, freeze_stages",
            hint="Leave both out for this model.",
        )
    return names


def cut_and_freeze(network: nn.Module, model: str, stage: int | None, num: int) -> list[str]:
    """Cut a network after a stage, if one is named, and freeze the first ``num`` that are left.

    Returns the dotted names of what is frozen, the stem included.
    """
    if stage is None and num == 0:
        return []
    names = stage_names(network, model)
    if stage is not None:
        cut_after(network, names, stage)
        names = names[: stage + 1]
    return freeze_first(network, names, num)


def cut_after(network: nn.Module, names: list[str], stage: int) -> None:
    """Remove what comes after a stage, so that the network returns that stage's map."""
    if not 0 <= stage < len(names):
        raise ConfigError(
            f"there is no stage {stage}", where="stage", hint=f"Give 0 to {len(names) - 1}."
        )
    for name in names[stage + 1 :]:
        parent, _, child = name.rpartition(".")
        if parent:
            delattr(network.get_submodule(parent), child)
    children = [child for child, _ in network.named_children()]
    last = names[stage].partition(".")[0]
    for child in children[children.index(last) + 1 :]:
        setattr(network, child, nn.Identity())


def freeze_first(network: nn.Module, names: list[str], num: int) -> list[str]:
    """Stop the training of the stem and the first ``num`` stages; return their dotted names.

    With all that precedes them frozen too, autograd records nothing there: they cost no backward
    pass and no memory for one.
    """
    if num == 0:
        return []
    if not 0 < num <= len(names):
        raise ConfigError(
            f"can't freeze {num} stages", where="freeze_stages", hint=f"There are {len(names)}."
        )
    first = names[0].partition(".")[0]
    children = [child for child, _ in network.named_children()]
    frozen = children[: children.index(first)] + names[:num]
    for parameter in network.parameters(recurse=False):
        parameter.requires_grad = False
    for name in frozen:
        network.get_submodule(name).requires_grad_(False)
    return frozen


def checkpoint_gradients(network: Any, model: str) -> None:
    """Let the backward pass compute activations again instead of keeping them all."""
    try:
        network.set_grad_checkpointing(True)
    except (AttributeError, AssertionError) as error:
        raise ConfigError(
            f"{model} has no gradient checkpointing",
            where="grad_checkpointing",
            hint="Leave it out, and use a smaller batch or train.chunk.",
        ) from error

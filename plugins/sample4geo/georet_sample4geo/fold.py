"""Folding the BatchNorms of frozen stages into the convolutions before them."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_TOLERANCE = 1e-3


def folded(trunk: nn.Module, frozen: list[str], images: torch.Tensor) -> nn.Module:
    """Return the trunk with frozen convolution-BatchNorm couples made one convolution each.

    Frozen statistics are constants, so nothing is lost but time and memory. Which module follows
    which is read off the order of children; ``images`` float[B, 3, H, W] are the proof, and where
    they come out differently the trunk is returned as it was.
    """
    candidate = copy.deepcopy(trunk)
    couples = list(_couples(candidate, frozen))
    if not couples:
        return trunk
    trunk.eval()
    candidate.eval()
    for parent, first, second in couples:
        conv, norm = parent.get_submodule(first), parent.get_submodule(second)
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        setattr(parent, first, fuse_conv_bn_eval(conv, norm).requires_grad_(False))
        setattr(parent, second, getattr(norm, "act", nn.Identity()))
    with torch.no_grad():
        before, after = trunk(images), candidate(images)
    is_same = torch.allclose(before, after, _TOLERANCE, _TOLERANCE * float(before.abs().max()))
    return candidate if is_same else trunk


def _couples(trunk: nn.Module, frozen: list[str]) -> Iterator[tuple[nn.Module, str, str]]:
    """Yield (parent, convolution, BatchNorm) where both are frozen and stand side by side."""
    for path, parent in list(trunk.named_modules()):
        names = [name for name, _ in parent.named_children()]
        for first, second in itertools.pairwise(names):
            conv, norm = parent.get_submodule(first), parent.get_submodule(second)
            is_couple = isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            paths = [f"{path}.{n}" if path else n for n in (first, second)]
            if is_couple and all(
                any(p == name or p.startswith(f"{name}.") for name in frozen) for p in paths
            ):
                yield parent, first, second

"""What a checkpoint remembers of its encoder, so that another one is not taken for it.

Weights alone don't say how pixels are normalised, pooled or activated: a backbone that is built
again with other options loads the same tensors and embeds something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import torch
from torch import Tensor

from georet.blame import maker_of
from georet.encoder import Branch, Encoder
from georet.errors import ComponentError

SAME: Final = 5e-3
"""By how much the cosine of the probe's embeddings may differ from 1: other devices and threads."""
Size = tuple[int, int]


def facts_of(encoder: Encoder, sizes: Mapping[str, Size]) -> dict[str, Any]:
    """Return JSON values: by branch mean, std, embed_dim; by view size and what a picture gives."""
    return {
        "branches": {name: _of_branch(branch) for name, branch in _branches(encoder).items()},
        "probes": {
            view: {"size": list(size), "embedding": _probe(encoder, view, size)}
            for view, size in sizes.items()
        },
    }


def check_facts(encoder: Encoder, recorded: Mapping[str, Any] | None, where: str) -> None:
    """Raise ComponentError that names the backbone where an encoder is not the recorded one.

    ``recorded`` is None for checkpoints that were written before there were facts.
    """
    if recorded is None:
        return
    for name, branch in _branches(encoder).items():
        facts, wanted = _of_branch(branch), recorded["branches"].get(name, {})
        for key, value in wanted.items():
            if facts[key] != value:
                raise _differs(branch, where, f"{key} was {value}, and is {facts[key]} now")
    for view, probe in recorded["probes"].items():
        height, width = probe["size"]
        if probe["embedding"] is None or (found := _probe(encoder, view, (height, width))) is None:
            continue
        now = torch.tensor(found)
        cosine = float(now @ torch.tensor(probe["embedding"]))
        if not cosine >= 1 - SAME:
            what = f"a test picture's embedding has a cosine of {cosine:.3f} with the one it had"
            raise _differs(encoder.branch(view), where, what)


def _differs(branch: Branch, where: str, what: str) -> ComponentError:
    return ComponentError(
        f"the backbone is not the one that was trained, though its weights fit: {what}",
        where=f"{where}, {maker_of(branch.backbone)}",
        hint="Its bare_options must build the same network, and its code may not change; see "
        "`bare_options` in docs/plugins.md.",
    )


def _branches(encoder: Encoder) -> dict[str, Branch]:
    return {name: cast(Branch, branch) for name, branch in encoder.branches.items()}


def _of_branch(branch: Branch) -> dict[str, Any]:
    backbone = branch.backbone
    mean, std = (tuple(float(v) for v in getattr(backbone, name)) for name in ("mean", "std"))
    return {"mean": list(mean), "std": list(std), "embed_dim": branch.embed_dim}


def _probe(encoder: Encoder, view: str, size: Size) -> list[float] | None:
    """Return the embedding of a picture of waves, the same in every process."""
    was_training = encoder.training
    device = encoder.log_scale.device
    encoder.eval()
    try:
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            embedding = encoder.embed(view, _waves(size).to(device))[0]
    finally:
        encoder.train(was_training)
    if not embedding.isfinite().all():
        return None  # a run that diverged says so itself
    # Seven digits say more than fp32 does, and keep the file small.
    return [round(value, 7) for value in embedding.cpu().tolist()]


def _waves(size: Size) -> Tensor:
    """Return uint8[1, H, W, 3] in which position, direction, scale and colour all matter."""
    height, width = size
    down = torch.linspace(0, 1, height)[:, None]
    right = torch.linspace(0, 1, width)[None, :]
    channels = [
        torch.sin(40 * down * right) + down,
        torch.sin(25 * right) + right,
        torch.cos(12 * (down - right) ** 2) - down,
    ]
    image = torch.stack([channel.expand(height, width) for channel in channels], dim=-1)
    image = (image - image.min()) / (image.max() - image.min())
    return (255 * image).round().to(torch.uint8)[None]

"""One branch: a backbone between the normalisation of pixels and the checks of what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from georet.blame import blaming, maker_of
from georet.contracts.training import Backbone
from georet.types import Batch

EPS: Final = 1e-12
ON_REQUEST: Final = ("view", "batch", "outputs")
"""What a backbone is told where its ``forward`` has a parameter of that name."""
Outputs = dict[str, Tensor]


class Branch(nn.Module):
    """uint8[B, H, W, 3] -> features float32[B, D]: pixel normalisation, then a backbone."""

    scale: Tensor
    shift: Tensor

    def __init__(self, backbone: Backbone, *, channels_last: bool = False) -> None:
        super().__init__()
        self.backbone = cast(nn.Module, backbone)
        self.embed_dim = int(backbone.embed_dim)
        self.channels_last = channels_last
        self.asks = asks_of(self.backbone)
        mean, std = torch.tensor(backbone.mean), torch.tensor(backbone.std)
        # (x / 255 - mean) / std as one multiply-add; not trained, and derived, so not saved.
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", (-mean / std).view(3, 1, 1), persistent=False)

    def forward(
        self,
        images: Tensor,
        *,
        view: str | None = None,
        batch: Batch | None = None,
        outputs: Outputs | None = None,
    ) -> Tensor:
        """Return features float32[B, D] of uint8[B, H, W, 3].

        ``view``, ``batch`` and ``outputs`` go to a backbone that asks for them. The backbone puts
        into ``outputs`` what only losses see; they find it in float32, B rows each.
        """
        pixels = images.permute(0, 3, 1, 2).float() * self.scale + self.shift
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        pixels = pixels.contiguous(memory_format=layout)
        told = {"view": view, "batch": batch, "outputs": outputs}
        asked = {name: value for name, value in told.items() if name in self.asks}
        if torch.compiler.is_compiling():
            return real(self.backbone(pixels, **asked))
        num, height, width = images.shape[:3]
        with blaming(self.backbone, f"the backbone, for {num} images of {height} x {width},"):
            features = self.backbone(pixels, **asked)
        self._check(features, len(images), outputs or {})
        return real(cast(Tensor, features))

    def _check(self, features: object, num: int, outputs: Outputs) -> None:
        maker = maker_of(self.backbone)
        wanted = [num, self.embed_dim]
        if not isinstance(features, Tensor) or list(features.shape) != wanted:
            raise maker.broke(
                f"the backbone returned {_shown(features)} for {num} images, wanted float{wanted}",
                "embed_dim must be the size of a feature, one feature an image.",
            )
        if not features.is_floating_point():
            raise maker.broke(f"the backbone returned {features.dtype}")
        for name, value in outputs.items():
            if list(getattr(value, "shape", ()))[:1] != [num]:
                raise maker.broke(
                    f"the output {name!r} is {_shown(value)} for {num} images",
                    "Outputs are tensors with one row an image.",
                )


class LinearMap(nn.Module):
    """Embeddings float32[B, D] -> float32[B, E] of unit length: what a fit left behind.

    ``weight`` float32[E, D] and ``bias`` float32[E] are constants, saved with the weights.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().float().contiguous())
        self.register_buffer("bias", bias.detach().float().contiguous())

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the mapped embeddings, in fp32 also under autocast."""
        with torch.autocast(embeddings.device.type, enabled=False):
            return unit(F.linear(embeddings.float(), self.weight, self.bias))


def unit(features: Tensor) -> Tensor:
    """Return float32[B, D] scaled to unit length, in fp32 also under autocast."""
    with torch.autocast(features.device.type, enabled=False):
        return F.normalize(real(features), dim=-1, eps=EPS)


def real(tensor: Tensor) -> Tensor:
    """Return a tensor of real numbers in float32; one in float64 stays as it is."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def asks_of(module: Any, known: Sequence[str] = ON_REQUEST) -> frozenset[str]:
    """Return which of the ``known`` names the module's ``forward`` has as parameters."""
    try:
        parameters = inspect.signature(getattr(module, "forward", module)).parameters.values()
    except (TypeError, ValueError):
        return frozenset()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(p.name for p in parameters if p.kind in by_name) & frozenset(known)


def _shown(value: object) -> str:
    return str(list(value.shape)) if isinstance(value, Tensor) else type(value).__name__

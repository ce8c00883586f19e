"""From what timm's networks put out before pooling to a map and a class token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from georet.errors import ConfigError

Size = tuple[int, int]


def map_and_token(
    trunk: Any, output: torch.Tensor, size: Size
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the map float[B, C, h, w] in the image's orientation, and the class token float[B, C].

    ``output`` is float[B, C, h, w], float[B, h, w, C], or tokens float[B, n, C] in rows from the
    top left, for images of ``size`` (height, width). Register tokens are left out; the token is
    None where the network has none.
    """
    if output.ndim == 4:
        is_channels_last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
        return output.permute(0, 3, 1, 2) if is_channels_last else output, None
    has_token = getattr(trunk, "cls_token", None) is not None
    num_prefix = getattr(trunk, "num_prefix_tokens", int(has_token))
    height, width = _grid(trunk, output.shape[1] - num_prefix, size)
    places = output[:, num_prefix:].transpose(1, 2)
    maps = places.reshape(places.shape[0], places.shape[1], height, width)
    return maps, output[:, 0] if has_token else None


def _grid(trunk: Any, num_places: int, size: Size) -> Size:
    """Return how many rows and columns of tokens the network makes of an image."""
    for down, right in _reductions(trunk):
        for rounded in (0, 1):
            height, width = (
                (n + rounded * (r - 1)) // r for n, r in zip(size, (down, right), strict=True)
            )
            if num_places and height * width == num_places:
                return height, width
    raise ConfigError(
        f"can't tell how its {num_places} tokens lie in an image of {size[0]} x {size[1]} pixels",
        hint="Networks that put out no map can be used as they are, without aggregator, pool, "
        "stage and a conv head.",
    )


def _reductions(trunk: Any) -> Iterator[Size]:
    """Yield by how much the network may have shrunk the image, the likeliest first."""
    for info in reversed(getattr(trunk, "feature_info", None) or ()):
        if isinstance(reduction := info.get("reduction"), int):
            yield reduction, reduction
    patch = getattr(getattr(trunk, "patch_embed", None), "patch_size", None)
    if isinstance(patch, tuple) and len(patch) == 2:
        yield patch

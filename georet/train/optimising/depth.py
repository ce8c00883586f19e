"""How deep in its backbone a parameter lies, for rates that fall from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any

from torch import nn


def layers_below_top(backbone: nn.Module) -> dict[str, int]:
    """Return by parameter's name how many layers stand above its own, 0 for the topmost.

    A network of timm says itself what its layers are (``group_matcher``); what the backbone has
    beside it (a head, an aggregator) is one layer above. Other backbones are cut at the first
    number in the names of their parameters: ``stages.0.*`` and ``stages.1.*`` are two layers, in
    the order in which they were registered, and what has no number is a layer by its first name.
    """
    names = [name for name, _ in backbone.named_parameters()]
    found = _of_timm(backbone, names) or {name: _stage(name) for name in names}
    order = list(dict.fromkeys(found.values()))
    if all(isinstance(layer, int) for layer in order):
        order.sort()
    place = {layer: number for number, layer in enumerate(order)}
    return {name: len(order) - 1 - place[layer] for name, layer in found.items()}


def _of_timm(backbone: nn.Module, names: Iterable[str]) -> dict[str, Any]:
    """Return the layer of each parameter as timm numbers them; nothing without a timm network."""
    for prefix, module in backbone.named_modules():
        matcher: Callable[..., Any] | None = getattr(module, "group_matcher", None)
        if not callable(matcher):
            continue
        from timm.models import group_parameters

        start = f"{prefix}." if prefix else ""
        inner = {
            f"{start}{name}": int(layer)
            for name, layer in group_parameters(module, matcher(coarse=False), reverse=True).items()
        }
        above = max(inner.values(), default=0) + 1
        return {name: inner.get(name, above) for name in names}
    return {}


def _stage(name: str) -> str:
    parts = name.split(".")
    head = list(takewhile(lambda part: not part.isdecimal(), parts))
    return ".".join(parts[: len(head) + 1]) if len(head) < len(parts) else parts[0]

"""What timm knows of a model's released weights: where they lie, licence, usual size."""

from __future__ import annotations

import socket
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import timm
import torch

FREE: Final = ("apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "cc0-1.0", "cc-by-4.0")
"""Licences that allow every use, commercial included."""
_HUB: Final = "https://huggingface.co"
Size = tuple[int, int]


@dataclass(frozen=True)
class Suggestion:
    """A model that is good for a start, and what for."""

    name: str
    use: str


SUGGESTED: Final = (
    Suggestion("tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem", "no network, any CPU"),
    Suggestion("convnext_tiny.in12k_ft_in1k?stage=2", "a CPU, many tiles"),
    Suggestion("vit_small_patch14_reg4_dinov2.lvd142m?size=224", "the usual choice, with a GPU"),
    Suggestion("vit_base_patch14_reg4_dinov2.lvd142m?size=322", "more detail, with a GPU"),
    Suggestion("vit_pe_core_base_patch16_224.fb", "photos unlike the map, with a GPU"),
    Suggestion("vit_base_patch16_siglip_224.v2_webli", "the same, by another training"),
    Suggestion("vit_small_patch16_dinov3.lvd1689m?size=256", "fine texture; read its licence"),
)
"""What ``georet encoder list`` shows; which of them is best for a map, ``georet eval`` tells."""


def as_suggested(suggestion: Suggestion) -> dict[str, Any]:
    """Return what there is to know of a model; counted on a network without memory, not fetched."""
    named, _, query = suggestion.name.partition("?")
    options = dict(part.split("=") for part in query.split("&") if part)
    with torch.device("meta"):
        trunk = timm.create_model(named.partition(".")[0], num_classes=0)
    number = sum(parameter.numel() for parameter in trunk.parameters())
    side = options.get("size") or (usual_size(named) or (0, 0))[0]
    return {
        "name": suggestion.name,
        "use": suggestion.use,
        "licence": known(named).get("license") or "not told",
        "is_free": known(named).get("license") in FREE,
        "num_parameters": number,
        "size": int(side),
        "page": page(named),
    }


def known(model: str) -> dict[str, Any]:
    """Return what timm knows of a model's weights, nothing for a model or tag that there isn't."""
    if not timm.is_model(model):
        return {}
    try:
        found = timm.get_pretrained_cfg(model, allow_unregistered=True)
    except RuntimeError:
        return {}
    return {} if found is None else found.to_dict()


def usual_size(model: str) -> Size | None:
    """Return the height and width in pixels that a model's weights were trained for."""
    size = known(model).get("input_size")
    return None if size is None else (int(size[-2]), int(size[-1]))


def notice(model: str) -> str | None:
    """Return what to tell whoever uses a model's weights, None where its licence is a free one."""
    licence = known(model).get("license")
    if licence in FREE:
        return None
    if not licence:
        return f"note: timm names no licence for the weights of {model}; ask whoever released them."
    return (
        f"note: the weights of {model} are under {licence}, which restricts their use; read it "
        f"before you use or pass on what comes of them: {page(model)}"
    )


def page(model: str) -> str:
    """Return the address of a model's page on the hub, or of the hub."""
    repository = known(model).get("hf_hub_id")
    return f"{_HUB}/{repository}" if repository else _HUB


def address(model: str) -> str | None:
    """Return the address of the file of a model's weights, None where timm knows none."""
    cfg = known(model)
    if cfg.get("hf_hub_id"):
        return f"{page(model)}/resolve/main/{cfg.get('hf_hub_filename') or 'model.safetensors'}"
    return cfg.get("url") or None


def how_to_fetch(model: str) -> str:
    """Return what to do where the weights can't be had from here."""
    url = address(model)
    fetched = f"Fetch {url} where there is a network" if url else "Get its weights elsewhere"
    return (
        f"{fetched}, put the file anywhere here, and name it: weights=FILE.safetensors. "
        "weights=lite0 (with tf_efficientnet_lite0) is in the package that georet[demo] brings."
    )


def is_out_of_reach(model: str) -> bool:
    """Say whether the weights are neither in the hub's cache nor on a host that has an address.

    Asked first, since the hub's client tries again for most of a minute.
    """
    url = address(model)
    if url is None or urllib.request.getproxies() or _is_cached(model):
        return False
    try:
        socket.getaddrinfo(urlsplit(url).hostname, 443)
    except OSError:
        return True
    return False


def _is_cached(model: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    repository = known(model).get("hf_hub_id")
    names = ("model.safetensors", "pytorch_model.bin")
    found = [try_to_load_from_cache(repository, name) for name in names if repository]
    return any(isinstance(path, str) and Path(path).is_file() for path in found)

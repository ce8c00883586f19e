"""Making timm's networks: by name, with weights from wherever they are, errors explained."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Any, Final

import timm
import torch
from torch import nn

from georet.contracts.building import BuildContext
from georet.errors import ComponentError, ConfigError, DataError
from georet.progress import say
from georet_sample4geo import lite0
from georet_sample4geo.pretrained import how_to_fetch, is_out_of_reach, notice
from georet_sample4geo.weights import SUFFIXES, fit, read_tensors, without_wrapping

Channels = tuple[float, float, float]
Size = tuple[int, int]
_PROBE_SIZE: Final = (64, 64)


def create_trunk(
    model: str, weights: str, *, img_size: int | Size | None, drop_path: float, has_map: bool
) -> Any:
    """Return timm's network without classifier, its weights loaded.

    It maps images float[B, 3, H, W] to timm's pooled feature float[B, C] or, with ``has_map``, to
    what timm pools: a map, or tokens.
    """
    if not timm.is_model(model):
        known = timm.list_models() + timm.list_pretrained()
        near = difflib.get_close_matches(model, known, n=3, cutoff=0.5)
        guess = f"Did you mean {', '.join(near)}? " if near else ""
        raise (
            ComponentError(
                f"timm has no model {model!r}",
                where="model",
                hint=f"{guess}timm.list_models() names all of them.",
            )
        )
    options: dict[str, Any] = {"num_classes": 0}
    if has_map:
        options["global_pool"] = ""
    if img_size is not None:
        options["img_size"] = img_size
    if drop_path:
        options["drop_path_rate"] = drop_path
    is_pretrained = weights == "timm"
    if is_pretrained and is_out_of_reach(model):
        raise _unfetched(model, "there is no network, and they are not in the hub's cache")
    try:
        trunk = timm.create_model(model, pretrained=is_pretrained, **options)
    except TypeError as error:
        raise ConfigError(
            f"{model} does not take one of the options: {error}",
            where=f"model: {model}",
            hint="Convolutional networks take images of any size: leave out img_size.",
        ) from error
    except Exception as error:  # timm passes on whatever the network or its hub client raises
        if not is_pretrained:
            raise ComponentError(str(error), where=f"model: {model}") from error
        raise _unfetched(model, str(error)) from error
    if weights not in ("none", "lite0") and (told := notice(model)) is not None:
        say(told)
    if weights not in ("none", "timm"):
        where = f"weights: {weights}"
        names = trunk.pretrained_cfg.get("classifier") or ()
        fit(
            trunk,
            _as_built(trunk, _tensors(model, weights, where)),
            where=where,
            surplus=(names,) if isinstance(names, str) else tuple(names),
        )
    for module in trunk.modules():
        # Autograd copies what an activation overwrites, save where its output tells the gradient.
        if getattr(module, "inplace", False) and not isinstance(module, nn.ReLU):
            module.inplace = False
    return trunk


def _as_built(trunk: Any, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return tensors as the network takes them: timm resamples positions to another size."""
    own = trunk.state_dict()
    convert = getattr(sys.modules[type(trunk).__module__], "checkpoint_filter_fn", None)
    if convert is None or all(n in tensors and tensors[n].shape == own[n].shape for n in own):
        return tensors
    try:
        return dict(convert(tensors, trunk))
    except Exception:  # it is made for weights of this network; `fit` says what others lack
        return tensors


def _unfetched(model: str, why: str) -> DataError:
    return DataError(
        f"timm could not get its weights: {why}",
        where=f"model: {model}",
        hint=how_to_fetch(model),
    )


def normalisation(
    trunk: Any, weights: str, mean: Channels | None, std: Channels | None
) -> tuple[Channels, Channels]:
    """Return mean and std of RGB in 0..1: those given, or else those that the weights want."""
    cfg: dict[str, Any] = trunk.pretrained_cfg
    own = (lite0.MEAN, lite0.STD) if weights == "lite0" else (tuple(cfg["mean"]), tuple(cfg["std"]))
    return mean or own[0], std or own[1]


def probe_size(trunk: Any, img_size: int | Size | None) -> Size:
    """Return a small height and width in pixels that the network certainly takes."""
    if img_size is not None:
        return img_size if isinstance(img_size, tuple) else (img_size, img_size)
    cfg: dict[str, Any] = trunk.pretrained_cfg
    height, width = cfg["input_size"][-2:]
    return (height, width) if cfg.get("fixed_input_size") else _PROBE_SIZE


def size_for(model: str, context: BuildContext | None) -> Size | None:
    """Return the size to build a network of fixed size for: that of all views, if it isn't its own.

    None for other networks, and where views differ or nothing is known of them.
    """
    sizes = set() if context is None else {context.sizes.get(view) for view in context.views}
    if len(sizes) != 1 or not timm.is_model(model):
        return None
    try:
        known = timm.get_pretrained_cfg(model, allow_unregistered=True)
    except RuntimeError:
        return None  # a tag that there isn't: making the network says so
    if known is None or not known.fixed_input_size:
        return None
    (size,) = sizes
    return None if size == tuple(known.input_size[-2:]) else size


def _tensors(model: str, weights: str, where: str) -> dict[str, torch.Tensor]:
    if weights == "lite0":
        if model.partition(".")[0] != lite0.MODEL:
            raise ConfigError(
                f"these weights do not belong to {model}",
                where=where,
                hint=f"Give model: {lite0.MODEL}",
            )
        return lite0.load_tensors()
    if Path(weights).suffix in SUFFIXES:
        return without_wrapping(read_tensors(Path(weights)))
    raise ConfigError(
        "neither a known source of weights nor a weights file",
        where=where,
        hint=f"Give timm, lite0, none, or a path that ends in {', '.join(SUFFIXES)}.",
    )

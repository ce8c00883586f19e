"""From an encoder that knows nothing of the area to one with a head that can learn it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from georet.blame import maker_of
from georet.config import SMOOTH_RULE, ComponentSpec, RunConfig
from georet.contracts.encoding import MAP
from georet.encoder import Encoder
from georet.encoder.branch import unit
from georet.errors import UsageError
from georet.plugins import Plugins, Selection
from georet.run_layout import CONFIG
from georet.train.checkpoint import load_weights
from georet.train.run import check_run, reconfigure
from georet.train.saving import load_encoder
from georet.train.setup import make_encoder
from georet.types import QUERY, REFERENCE, Pixels

BACKBONE: Final = "sample4geo:timm"
HEAD: Final = {"name": "heads:mixvpr", "depth": 2, "width": 64, "rows": 4}
"""Photos are brought north up and to scale, so that a head may know where things lie."""
HEADS: Final = "heads"
_BATCH: Final = 4
"""So few images that what lies between two layers stays in a core's cache."""
_FINE: Final = 16
"""Networks are cut where a place of the map stands for so many pixels, before their end."""


@dataclass(frozen=True)
class Base:
    """The encoder to begin with, and the same trunk under a head of its own, not yet trained."""

    folder: Path
    config: RunConfig
    plugins: Plugins
    untrained: Encoder
    adapted_config: RunConfig

    def fresh(self, seed: int) -> Encoder:
        """Return the adapted encoder before any training; the seed decides its head."""
        config = self.adapted_config.model_copy(update={"seed": seed})
        bare: dict[str, Any] = {}
        options = getattr(self.untrained.branch(QUERY).backbone, "bare_options", {})
        bare["shared"] = dict(options)
        encoder = make_encoder(config, self.plugins, [QUERY, REFERENCE], bare)
        own = encoder.state_dict()
        given = self.untrained.state_dict()
        trunk = {name: given[name] for name in own if ".trunk." in name}
        load_weights(encoder, {**own, **trunk}, where=str(self.folder))
        return encoder.eval()

    def mapper(self) -> Encoder:
        """Return an encoder for ``maps_of`` alone: the trunk, folded where it can be, and no head.

        Nothing of it learns, so that BatchNorms are constants.
        """
        from georet_sample4geo.fold import folded

        encoder = self.fresh(0)
        backbone = encoder.branch(REFERENCE).backbone
        trunk = cast(nn.Module, backbone.trunk).requires_grad_(requires_grad=False)
        names = [name for name, _ in trunk.named_children()]
        size = self.adapted_config.data.size[REFERENCE]
        noise = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
        backbone.trunk = folded(trunk, names, noise).to(memory_format=torch.channels_last)
        backbone.head = _NoHead(encoder.feature_dim)
        return encoder.eval()


class _NoHead(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, maps: Tensor, _: Tensor | None) -> Tensor:
        return maps.new_zeros(len(maps), self.width)


def open_base(folder: Path, size: int, selection: Selection) -> Base:
    """Open a run and prepare its trunk; ``size`` is the side of images in pixels.

    UsageError where its encoder has no map of features that a head could stand on.
    """
    config, plugins = reconfigure(check_run(folder), selection=selection)
    config = config.model_copy(update={"device": "cpu"})
    encoder = load_encoder(folder, "last", config, plugins).eval()
    branch = encoder.branch(QUERY)
    if maker_of(branch.backbone).id != BACKBONE or encoder.branch_name(QUERY) != "shared":
        raise UsageError(
            "can't be adapted: only timm networks that are shared by both views",
            where=str(folder / CONFIG),
            hint="Begin with --encoder 'timm:tf_efficientnet_lite0?weights=lite0&stage=3'.",
        )
    options = dict(config.encoder.backbone.options)
    stage = options.get("stage")
    if stage is None:
        stage = _stage_of(str(options["model"]), size)
    dropped = {"pool", "aggregator", "embed_dim", "head", "head_width", "freeze_stages", "stage"}
    kept = {name: value for name, value in options.items() if name not in dropped}
    head = {"aggregator": HEAD}
    cut = {} if stage is None else {"stage": stage}
    backbone = ComponentSpec.model_validate({"name": BACKBONE, **kept, **cut, **head})
    sizes = {QUERY: (size, size), REFERENCE: (size, size)}
    adapted = config.model_copy(
        update={
            "data": config.data.model_copy(update={"size": sizes, "resize": SMOOTH_RULE}),
            "encoder": config.encoder.model_copy(update={"backbone": backbone}),
            "fits": [],
            "plugins": list(dict.fromkeys([*(config.plugins or ()), HEADS])),
        }
    )
    return Base(folder, config, plugins, encoder, adapted)


@torch.inference_mode()
def maps_of(encoder: Encoder, images: Pixels) -> Tensor:
    """Return the trunk's maps float16[N, C, h, w] of uint8[N, H, W, 3]."""
    parts = []
    for start in range(0, len(images), _BATCH):
        outputs: dict[str, Tensor] = {}
        pixels = torch.from_numpy(images[start : start + _BATCH])
        encoder.features(REFERENCE, pixels, outputs=outputs)
        parts.append(outputs[MAP].half().contiguous())
    return torch.cat(parts)


def head_of(encoder: Encoder) -> nn.Module:
    """Return what makes features float[B, D] of maps [B, C, h, w]."""
    return cast(nn.Module, encoder.branch(REFERENCE).backbone.head)


@torch.inference_mode()
def embedded(encoder: Encoder, maps: Tensor) -> Tensor:
    """Return unit-length embeddings float32[N, D] of maps float16[N, C, h, w]."""
    head = head_of(encoder)
    chunks = torch.split(maps, 256)
    return torch.cat([unit(head(part.float(), None)) for part in chunks])


def _stage_of(model: str, size: int) -> int | None:
    """Return the first stage whose map is as coarse as one place for 16 pixels, None: the last.

    Networks all of whose stages are equally coarse (transformers) are not cut.
    """
    import timm

    with torch.device("meta"):
        network = timm.create_model(model.partition(".")[0], num_classes=0)
    info = getattr(network, "feature_info", None)
    found = [int(each["reduction"]) for each in info or []]
    if len(set(found)) < 2:
        return None
    return _cut_at(model, size)


def _cut_at(model: str, size: int) -> int | None:
    import timm

    from georet_sample4geo.stages import cut_after, stage_names

    names = stage_names(timm.create_model(model.partition(".")[0], num_classes=0), model)
    for stage in range(len(names)):
        network = timm.create_model(model.partition(".")[0], num_classes=0, global_pool="").eval()
        cut_after(network, stage_names(network, model), stage)
        with torch.inference_mode():
            shape = network(torch.zeros(1, 3, size, size)).shape
        if len(shape) == 4 and size / min(shape[1:] if shape[1] < size else shape[2:]) >= _FINE:
            return stage
    return None

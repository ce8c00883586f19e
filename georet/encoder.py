"""The encoder: uint8 images in, unit-length embeddings out, by one shared branch or one a view."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from georet.blame import blaming, maker_of
from georet.config import ComponentSpec, EncoderConfig
from georet.contracts.training import Backbone
from georet.errors import ComponentError

SHARED = "shared"
EPS = 1e-12


class Branch(nn.Module):
    """uint8[B, H, W, 3] -> features float32[B, D]: pixel normalisation, then a backbone."""

    scale: Tensor
    shift: Tensor

    def __init__(self, backbone: Backbone, *, channels_last: bool = False) -> None:
        super().__init__()
        self.backbone = cast(nn.Module, backbone)
        self.embed_dim = int(backbone.embed_dim)
        self.channels_last = channels_last
        mean, std = torch.tensor(backbone.mean), torch.tensor(backbone.std)
        # (x / 255 - mean) / std as one multiply-add; not trained, and derived, so not saved.
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", (-mean / std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return features float32[B, D] of uint8[B, H, W, 3]."""
        pixels = images.permute(0, 3, 1, 2).float() * self.scale + self.shift
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        pixels = pixels.contiguous(memory_format=layout)
        if torch.compiler.is_compiling():
            return cast(Tensor, self.backbone(pixels)).float()
        with blaming(self.backbone, "the backbone"):
            features = self.backbone(pixels)
        wanted = [len(images), self.embed_dim]
        if not isinstance(features, Tensor) or list(features.shape) != wanted:
            found = (
                list(features.shape) if isinstance(features, Tensor) else type(features).__name__
            )
            raise maker_of(self.backbone).broke(
                f"the backbone returned {found} for {len(images)} images, wanted float{wanted}",
                "embed_dim must be the size of a feature, one feature an image.",
            )
        if not features.is_floating_point():
            raise maker_of(self.backbone).broke(f"the backbone returned {features.dtype}")
        return features.float()


class Encoder(nn.Module):
    """Branches for the named views and the learned logarithm of the factor on cosines."""

    def __init__(
        self, branches: Mapping[str, Branch], *, logit_scale: float, learn_logit_scale: bool = True
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)
        self.log_scale = nn.Parameter(torch.tensor(logit_scale), requires_grad=learn_logit_scale)
        sizes = {name: branch.embed_dim for name, branch in branches.items()}
        if len(set(sizes.values())) != 1:
            raise ComponentError(
                f"the branches' embed_dim differ: {sizes}",
                where="encoder",
                hint="Give the backbones the same embed_dim.",
            )
        self.embed_dim = next(iter(sizes.values()))

    @property
    def named(self) -> str:
        """The components that make the encoder, for errors."""
        makers = [maker_of(cast(Branch, branch).backbone) for branch in self.branches.values()]
        return "backbones " + ", ".join(dict.fromkeys(maker.id for maker in makers))

    def branch(self, view: str) -> Branch:
        """Return the branch that embeds the view."""
        return cast(Branch, self.branches[self.branch_name(view)])

    def branch_name(self, view: str) -> str:
        """Return the name of the branch that embeds the view."""
        name = SHARED if SHARED in self.branches else view
        if name not in self.branches:
            raise ComponentError(
                f"no branch for view {view!r}",
                where="encoder.view_backbones",
                hint=f"Add encoder.view_backbones.{view} or set encoder.shared=true.",
            )
        return name

    def features(self, view: str, images: Tensor) -> Tensor:
        """Return raw features float32[B, D] of one view's uint8[B, H, W, 3]."""
        return cast(Tensor, self.branch(view)(images))

    def embed(self, view: str, images: Tensor) -> Tensor:
        """Return unit-length embeddings float32[B, D] of one view's uint8[B, H, W, 3]."""
        return unit(self.features(view, images))

    def forward(self, images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return features float32[B, D] for each view."""
        return {view: self.features(view, pixels) for view, pixels in images.items()}


def unit(features: Tensor) -> Tensor:
    """Return float32[B, D] scaled to unit length, in fp32 also under autocast."""
    with torch.autocast(features.device.type, enabled=False):
        return F.normalize(features.float(), dim=-1, eps=EPS)


def weights_sha256(encoder: nn.Module) -> str:
    """Return the SHA-256 of all trained tensors, as ``tensors_sha256``."""
    return tensors_sha256(encoder.state_dict())


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors: names, types, shapes and bytes, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {list(plain.shape)}\n".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def build_encoder(
    config: EncoderConfig,
    create: Callable[[ComponentSpec, str], Backbone],
    *,
    views: list[str],
    seed: int,
    channels_last: bool = False,
    bare: Mapping[str, Mapping[str, Any]] | None = None,
) -> Encoder:
    """Build the encoder that the configuration describes; the seed alone decides new weights.

    ``bare`` (see ``bare_options``) are options by branch for when weights come from a checkpoint.
    """
    branches = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, (spec, where) in _specs(config, views).items():
            options = spec.options | dict((bare or {}).get(name, {}))
            made = create(ComponentSpec.model_validate({"name": spec.name, **options}), where)
            branches[name] = Branch(made, channels_last=channels_last)
    encoder = Encoder(
        branches, logit_scale=config.logit_scale, learn_logit_scale=config.learn_logit_scale
    )
    return encoder.to(memory_format=torch.channels_last) if channels_last else encoder


def bare_options(encoder: Encoder) -> dict[str, dict[str, Any]]:
    """Return, by branch, the options that build the encoder again without reading weights."""
    found = {n: getattr(b.backbone, "bare_options", {}) for n, b in encoder.branches.items()}
    return {name: dict(options) for name, options in found.items()}


def _specs(config: EncoderConfig, views: list[str]) -> dict[str, tuple[ComponentSpec, str]]:
    """Return component and place of each branch."""
    if config.shared:
        return {SHARED: (config.backbone, "encoder.backbone")}
    own = config.view_backbones
    return {
        view: (own[view], f"encoder.view_backbones.{view}")
        if view in own
        else (config.backbone, "encoder.backbone")
        for view in views
    }

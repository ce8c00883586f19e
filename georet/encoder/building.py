"""From a configuration to an encoder, and what builds it again without reading weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from georet.config import ComponentSpec, EncoderConfig
from georet.contracts.training import Backbone
from georet.encoder.branch import Branch
from georet.encoder.network import Encoder
from georet.errors import ConfigError
from georet.suggest import hint_for

Create = Callable[[ComponentSpec, str, tuple[str, ...]], Backbone]
"""(component, place in the configuration, views of the branch) -> backbone."""


def build_encoder(
    config: EncoderConfig,
    create: Create,
    *,
    views: Sequence[str],
    seed: int,
    channels_last: bool = False,
    bare: Mapping[str, Mapping[str, Any]] | None = None,
) -> Encoder:
    """Build the encoder that the configuration describes; the seed alone decides new weights.

    ``bare`` (see ``bare_options``) are options by branch for when weights come from a checkpoint.
    """
    for view in views:
        if config.branch_of(view) is None:
            raise ConfigError(
                f"the view {view!r} has no branch",
                where="encoder.branches",
                hint=hint_for(view, config.branches, "views with one")
                + f" --set encoder.branches.{view}=NAME names its branch.",
            )
    named = [*views, *(view for view in config.branches if view not in views)]
    branches = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, (spec, where) in config.branch_specs(views).items():
            options = spec.options | dict((bare or {}).get(name, {}))
            own = tuple(view for view in named if config.branch_of(view) == name)
            made = create(ComponentSpec.model_validate({"name": spec.name, **options}), where, own)
            branches[name] = Branch(made, channels_last=channels_last)
    encoder = Encoder(
        branches,
        logit_scale=config.logit_scale,
        learn_logit_scale=config.learn_logit_scale,
        views=config.branches or None,
    )
    return encoder.to(memory_format=torch.channels_last) if channels_last else encoder


def bare_options(encoder: Encoder) -> dict[str, dict[str, Any]]:
    """Return, by branch, the options that build the encoder again without reading weights."""
    found = {n: getattr(b.backbone, "bare_options", {}) for n, b in encoder.branches.items()}
    return {name: dict(options) for name, options in found.items()}

"""The encoder, and how it learns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, PositiveInt

from georet.config.parts import SHARED, Auto, BranchName, ComponentSpec, NonNegative, Section


class EncoderConfig(Section):
    """The encoder: one backbone for all views, one a view, or named branches."""

    backbone: ComponentSpec
    shared: bool = Field(default=True, description="One set of weights for all views.")
    view_backbones: dict[str, ComponentSpec] = Field(
        default={}, description="Other backbones for single views, when not shared."
    )
    branches: dict[str, BranchName] = Field(
        default={},
        description="Branch by view, instead of shared: views on one branch share weights.",
    )
    backbones: dict[str, ComponentSpec] = Field(
        default={}, description="Other backbones for single branches, by the names in branches."
    )
    logit_scale: float = Field(
        default=math.log(1 / 0.07),
        description="Initial natural logarithm of the factor on cosines.",
    )
    learn_logit_scale: bool = True
    check_export: bool = Field(
        default=True,
        description="Try before training whether the encoder can be exported, and warn if not.",
    )

    def branch_specs(self, views: Iterable[str]) -> dict[str, tuple[ComponentSpec, str]]:
        """Return the component of each branch for the views, and its place in the configuration."""
        one = (self.backbone, "encoder.backbone")
        if self.branches:
            own, where = self.backbones, "encoder.backbones"
            names: Iterable[str] = dict.fromkeys(self.branches.values())
        elif self.shared:
            return {SHARED: one}
        else:
            own, where, names = self.view_backbones, "encoder.view_backbones", views
        return {name: (own[name], f"{where}.{name}") if name in own else one for name in names}

    def branch_of(self, view: str) -> str | None:
        """Return the name of the branch that embeds a view, None where the view is not named."""
        if self.branches:
            return self.branches.get(view)
        return SHARED if self.shared else view


class GroupRule(Section):
    """What holds for the parameters whose names fit a pattern; of two rules the later one wins."""

    match: str = Field(
        default="*",
        description="The parameter's name within its backbone, or its beginning up to a dot; "
        "* stands for anything.",
    )
    branch: str | None = Field(default=None, description="Only in this branch of the encoder.")
    lr: NonNegative | None = Field(default=None, description="In the place of train.lr.")
    lr_scale: NonNegative = Field(default=1.0, description="Factor on the rate.")
    weight_decay: NonNegative | None = Field(
        default=None, description="In the place of train.weight_decay."
    )


class AverageConfig(Section):
    """The exponential moving average of the encoder's weights."""

    decay: float = Field(default=0.999, ge=0, lt=1, description="Share that stays at an update.")
    warmup: bool = Field(
        default=True, description="At most (1 + t) / (10 + t) of it stays at update t."
    )
    use: bool = Field(
        default=True,
        description="Judge, and later load and export, the average; else the trained weights. "
        "--checkpoint last-average or last-trained chooses afterwards.",
    )


class RanksConfig(Section):
    """How processes train together; docs/distributed.md says how they are started."""

    local_loss: bool = Field(
        default=False,
        description="Each rank computes the loss of its own pairs against the whole batch: the "
        "same loss with less work, for losses that can (info_nce).",
    )
    silence_s: float = Field(
        default=30.0, ge=2, description="A rank that gives no sign of life so long is given up."
    )
    patience_s: float = Field(
        default=1800.0, gt=0, description="How long ranks wait for what one does for all."
    )


class TrainConfig(Section):
    """Optimiser, schedule and guards."""

    epochs: PositiveInt = 40
    batch_size: int = Field(default=128, ge=2, description="Pairs in a batch.")
    optimizer: ComponentSpec = Field(
        default=ComponentSpec(name="adamw"), description="What makes steps of gradients."
    )
    lr: float = Field(default=1e-3, gt=0)
    lr_scale: dict[str, NonNegative] = Field(
        default={}, description="Factors on the rate by prefix of the parameter's name."
    )
    layer_decay: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Factor on the rate for each layer of the backbone above a parameter's own.",
    )
    groups: list[GroupRule] = Field(
        default=[], description="Rates and decays by name or branch, in order."
    )
    weight_decay: NonNegative = 0.01
    decay_exclude: Literal["nothing", "bias_and_norm"] = "nothing"
    schedule: ComponentSpec = Field(
        default=ComponentSpec(name="cosine"), description="How the rate moves behind the warm-up."
    )
    warmup_epochs: NonNegative = 1.0
    lr_end: NonNegative = Field(default=1e-4, description="Last rate of the polynomial schedule.")
    power: float = Field(default=1.5, gt=0, description="Power of the polynomial schedule.")
    ema: AverageConfig | None = Field(
        default=None, description="Keep an average of the encoder's weights."
    )
    clip: Literal["value", "norm", "none"] = "value"
    clip_at: float = Field(default=100.0, gt=0)
    accumulate: PositiveInt = Field(
        default=1, description="Batches whose gradients are summed before one optimiser step."
    )
    chunk: PositiveInt | None = Field(
        default=None,
        description="Pairs that pass the encoder at a time; the gradient stays that of the whole "
        "batch (cached gradients). Saves memory. Needs a backbone without batch statistics.",
    )
    channels_last: bool | Auto = Field(default="auto", description="Layout; auto: by a probe.")
    threads: PositiveInt | Auto = Field(default="auto", description="On a CPU; auto: by a probe.")
    compile: bool = False
    ranks: RanksConfig = RanksConfig()
    max_bad_steps: PositiveInt = Field(
        default=20, description="Give up after so many non-finite steps in a row."
    )
    checkpoint_every: PositiveInt = Field(default=200, description="Steps between checkpoints.")

"""The schema of a run's configuration; ``georet.configure`` says where the values come from."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

ResizeRule = Literal["bilinear-exact", "bilinear-antialias"]
FIRST_RULE: Final = "bilinear-exact"
"""The rule of runs that name none: until there was a choice, it was the only one."""
SMOOTH_RULE: Final[ResizeRule] = "bilinear-antialias"
RESIZE_RULE: Final[ResizeRule] = SMOOTH_RULE
"""The rule of new runs; docs/benchmarks.md compares the two."""
MAX_PIXELS: Final = 400_000_000
"""Images with more pixels are refused before they are decoded."""

NonNegative = Annotated[float, Field(ge=0)]
Size = tuple[PositiveInt, PositiveInt]


class Section(BaseModel):
    """A part of the configuration; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ComponentSpec(BaseModel):
    """A component by ``name`` (short or ``plugin:name``); all other keys are its own options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The component's own options."""
        return dict(self.model_extra or {})


class LossSpec(ComponentSpec):
    """A loss and its weight in the objective."""

    weight: NonNegative = 1.0


class DataConfig(Section):
    """How images are decoded, augmented and loaded."""

    size: dict[str, Size] = Field(
        default={"query": (384, 384), "reference": (384, 384)},
        description="Height and width in pixels to which each view is resized.",
    )
    joint: list[ComponentSpec] = Field(
        default=[], description="Transforms that see all views of a pair at once, in order."
    )
    augment: dict[str, list[ComponentSpec]] = Field(
        default={}, description="Transforms of single images, per view, in order."
    )
    fast: bool = Field(
        default=False,
        description="Scaled JPEG decoding; faster, and pixels differ slightly from full decoding.",
    )
    workers: int = Field(default=0, ge=0, description="Loader processes; 0 decodes in this one.")
    bad_image_quota: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of images that may be unreadable; they become grey and are listed.",
    )
    resize: ResizeRule = Field(
        default=RESIZE_RULE,
        description="How images are brought to their size: bilinear-exact as Sample4Geo does, "
        "without smoothing; bilinear-antialias smooths what is shrunk.",
    )
    max_pixels: PositiveInt = Field(
        default=MAX_PIXELS, description="Images with more pixels are refused before decoding."
    )


class EncoderConfig(Section):
    """The encoder: one backbone for all views, or one a view."""

    backbone: ComponentSpec
    shared: bool = Field(default=True, description="One set of weights for all views.")
    view_backbones: dict[str, ComponentSpec] = Field(
        default={}, description="Other backbones for single views, when not shared."
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


class TrainConfig(Section):
    """Optimiser, schedule and guards."""

    epochs: PositiveInt = 40
    batch_size: int = Field(default=128, ge=2, description="Pairs in a batch.")
    lr: float = Field(default=1e-3, gt=0)
    lr_scale: dict[str, NonNegative] = Field(
        default={}, description="Factors on the rate by prefix of the parameter's name."
    )
    weight_decay: NonNegative = 0.01
    decay_exclude: Literal["nothing", "bias_and_norm"] = "nothing"
    schedule: Literal["cosine", "polynomial", "constant"] = "cosine"
    warmup_epochs: NonNegative = 1.0
    lr_end: NonNegative = Field(default=1e-4, description="Last rate of the polynomial schedule.")
    power: float = Field(default=1.5, gt=0, description="Power of the polynomial schedule.")
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
    channels_last: bool = False
    compile: bool = False
    max_bad_steps: PositiveInt = Field(
        default=20, description="Give up after so many non-finite steps in a row."
    )
    checkpoint_every: PositiveInt = Field(default=200, description="Steps between checkpoints.")


class FieldOfView(Section):
    """How much of a query panorama is shown at evaluation."""

    degrees: float = Field(
        default=360.0, ge=1, le=360, description="Azimuth shown; 360, 180, 90 and 70 are usual."
    )
    heading: Literal["aligned", "random"] = Field(
        default="aligned",
        description="aligned: around the middle column (north); random: around a column drawn by "
        "the seed and the image's id.",
    )
    seed: int = Field(default=0, ge=0)
    size: Size | None = Field(
        default=None,
        description="Height and width in pixels of the part; by default that share of the width "
        "in data.size.query.",
    )


class EvaluateConfig(Section):
    """When and on what the encoder is judged."""

    every: PositiveInt = Field(default=1, description="Epochs between evaluations.")
    during: list[str] | None = Field(
        default=None, description="Evaluation sets used while training; by default the first."
    )
    final: list[str] | None = Field(
        default=None, description="Evaluation sets used at the end; by default all."
    )
    best: str | None = Field(
        default=None,
        description="`set/metric` that picks the best checkpoint; default: recall@1 of the first.",
    )
    patience: PositiveInt | None = Field(
        default=None, description="Stop after so many evaluations without a new best."
    )
    batch_size: PositiveInt = 128
    top_k: PositiveInt = 5
    field_of_view: FieldOfView | None = Field(
        default=None, description="Cut query panoramas down to what a camera would see."
    )


class RunConfig(Section):
    """Everything that decides what a run computes."""

    plugins: list[str] | None = None
    recipe: str | None = None
    seed: int = Field(default=0, ge=0)
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, mps.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    dataset: ComponentSpec
    data: DataConfig = DataConfig()
    encoder: EncoderConfig
    losses: list[LossSpec] = Field(min_length=1)
    sampler: ComponentSpec
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

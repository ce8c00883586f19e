"""The schema of a run's configuration; ``georet.configure`` says where the values come from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

ResizeRule = Literal["bilinear-exact", "bilinear-antialias"]
FIRST_RULE: Final = "bilinear-exact"
"""The rule of runs that name none: until there was a choice, it was the only one."""
SMOOTH_RULE: Final = "bilinear-antialias"
RESIZE_RULE: Final[ResizeRule] = FIRST_RULE
"""The rule of new runs."""
MAX_PIXELS: Final = 400_000_000
"""Images with more pixels are refused before they are decoded."""

SHARED: Final = "shared"
"""The branch of all views, where they share their weights."""
Auto = Literal["auto"]
NonNegative = Annotated[float, Field(ge=0)]
BranchName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Size = tuple[PositiveInt, PositiveInt]


class Section(BaseModel):
    """A part of the configuration; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ComponentSpec(BaseModel):
    """A component by ``name`` (short or ``plugin:name``); all other keys are its own options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        """Take a name for a component without options."""
        return {"name": values} if isinstance(values, str) else values

    @property
    def options(self) -> dict[str, Any]:
        """The component's own options."""
        return dict(self.model_extra or {})


class LossSpec(ComponentSpec):
    """A loss and its weight in the objective."""

    weight: NonNegative = 1.0


class StageSpec(ComponentSpec):
    """A re-ranker or refiner of each query's best references, and how many of them it sees."""

    top: PositiveInt | None = None


class SizeSchedule(Section):
    """How the size of a view's images changes while training; a batch has one size."""

    first: Size | None = Field(
        default=None, description="Height and width at the start; by default that of data.size."
    )
    last: Size | None = Field(
        default=None, description="Height and width at the end; by default that of data.size."
    )
    every: Literal["epoch", "batch"] = Field(
        default="epoch", description="How often the size changes."
    )
    random: bool = Field(
        default=False, description="Draw each size between first and last, all equally likely."
    )
    bend: float = Field(
        default=0.0,
        ge=-50,
        le=50,
        description="0 goes evenly from first to last; above 0 fast at first, below 0 late.",
    )
    multiple: PositiveInt = Field(
        default=1, description="Pixels of which sizes between first and last are whole multiples."
    )


class DataConfig(Section):
    """How images are decoded, augmented and loaded."""

    size: dict[str, Size] = Field(
        default={"query": (384, 384), "reference": (384, 384)},
        description="Height and width in pixels to which each view is resized.",
    )
    size_schedule: dict[str, SizeSchedule] = Field(
        default={}, description="Other sizes while training, per view; all else is done in `size`."
    )
    aux_views: list[str] = Field(
        default=[], description="Views that joint transforms see and the encoder does not."
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
    workers: Annotated[int, Field(ge=0)] | Auto = Field(
        default="auto", description="Loader processes; 0 decodes in this one; auto: by a probe."
    )
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

    @property
    def num_workers(self) -> int:
        """``workers``, and none where no probe has chosen."""
        return 0 if self.workers == "auto" else self.workers

    @property
    def embedded_size(self) -> dict[str, Size]:
        """``size`` without the views that the encoder doesn't see."""
        return {view: size for view, size in self.size.items() if view not in self.aux_views}


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
    stages: list[StageSpec] = Field(
        default=[],
        description="Re-rankers and refiners that work on the ranking at the end of a training and "
        "in `georet eval`, one after another; `top` references each.",
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
    fits: list[ComponentSpec] = Field(
        default=[],
        description="Linear maps fitted to the training images after training, in order; they "
        "become part of the encoder.",
    )
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

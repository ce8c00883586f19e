"""When and on what an encoder is judged."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from georet.config.parts import Section, Size, StageSpec


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

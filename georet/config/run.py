"""The whole configuration of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from georet.config.data import DataConfig
from georet.config.judging import EvaluateConfig
from georet.config.parts import ComponentSpec, LossSpec, Section
from georet.config.training import EncoderConfig, TrainConfig


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

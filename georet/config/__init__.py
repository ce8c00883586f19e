"""The schema of a run's configuration; ``georet.configure`` says where the values come from."""

from georet.config.data import DataConfig, SizeSchedule
from georet.config.judging import EvaluateConfig, FieldOfView
from georet.config.parts import (
    FIRST_RULE,
    MAX_PIXELS,
    RESIZE_RULE,
    SHARED,
    SMOOTH_RULE,
    Auto,
    BranchName,
    ComponentSpec,
    LossSpec,
    NonNegative,
    ResizeRule,
    Section,
    Size,
    StageSpec,
)
from georet.config.run import RunConfig
from georet.config.training import AverageConfig, EncoderConfig, GroupRule, RanksConfig, TrainConfig

__all__ = [
    "Auto",
    "AverageConfig",
    "BranchName",
    "ComponentSpec",
    "DataConfig",
    "EncoderConfig",
    "EvaluateConfig",
    "FIRST_RULE",
    "FieldOfView",
    "GroupRule",
    "LossSpec",
    "MAX_PIXELS",
    "NonNegative",
    "RESIZE_RULE",
    "RanksConfig",
    "ResizeRule",
    "RunConfig",
    "SHARED",
    "SMOOTH_RULE",
    "Section",
    "Size",
    "SizeSchedule",
    "StageSpec",
    "TrainConfig",
]

"""What sections of the configuration are made of: their types, and components by name."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

ResizeRule = Literal[
    "bilinear-exact",
    "bilinear-antialias",
    "bilinear-antialias-crop",
    "bilinear-antialias-letterbox",
]
FIRST_RULE: Final = "bilinear-exact"
"""The rule of runs that name none: until there was a choice, it was the only one."""
SMOOTH_RULE: Final[ResizeRule] = "bilinear-antialias"
RESIZE_RULE: Final[ResizeRule] = SMOOTH_RULE
"""The rule of new runs; docs/benchmarks.md compares the two."""
MAX_PIXELS: Final = 400_000_000
"""Images with more pixels are refused before they are decoded."""

SHARED: Final = "shared"
"""The branch of all views, where they share their weights."""
Auto = Literal["auto"]
NonNegative = Annotated[float, Field(ge=0)]
BranchName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Size = tuple[PositiveInt, PositiveInt]
CameraColumn = Literal["heading_deg", "altitude_m", "tilt_deg", "roll_deg", "fov_deg"]


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
    """A re-ranker or refiner of each query's best references, and how many of them it sees.

    ``known`` are columns of the queries of which a refiner is told as of its camera.
    """

    top: PositiveInt | None = None
    known: tuple[CameraColumn, ...] = ()

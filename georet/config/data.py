"""How images are decoded, resized, augmented and loaded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from georet.config.parts import (
    MAX_PIXELS,
    RESIZE_RULE,
    Auto,
    ComponentSpec,
    ResizeRule,
    Section,
    Size,
)


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
    cache: str | None = Field(
        default=None,
        description="Folder that keeps decoded, resized images for later epochs and runs; "
        "auto: in georet's own cache.",
    )
    resize: ResizeRule = Field(
        default=RESIZE_RULE,
        description="How images are brought to their size: bilinear-exact as Sample4Geo does, "
        "without smoothing; bilinear-antialias smooths what is shrunk; both squash to the shape. "
        "-crop behind it keeps the middle of that shape, -letterbox all, with grey around it.",
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

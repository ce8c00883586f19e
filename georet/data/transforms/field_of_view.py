"""Panoramas cut down to a limited field of view, as a camera with a lens would see."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from georet.contracts.transforming import TransformContext
from georet.data.transforms.checks import check_between, report
from georet.errors import ConfigError
from georet.types import Pixels

Heading = Literal["aligned", "random"]


@dataclass(frozen=True)
class Crop:
    """Cuts ``degrees`` of azimuth out of panoramas, the same part of an image every time.

    ``aligned``: around the middle column, which is north in CVUSA, CVACT and VIGOR. ``random``:
    around a column drawn by ``seed`` and the image's id, so that the heading is unknown.
    """

    degrees: float
    heading: Heading = "aligned"
    seed: int = 0

    def __call__(self, panorama: Pixels, image_id: str) -> Pixels:
        """Return uint8[H, w, 3] of uint8[H, W, 3], w being the field's share of W."""
        if self.heading == "aligned":
            return cut(panorama, self.degrees, 0.0)
        digest = hashlib.sha256(image_id.encode("utf-8", "surrogateescape")).digest()
        rng = np.random.default_rng([self.seed, int.from_bytes(digest[:8], "little")])
        return cut(panorama, self.degrees, rng.random())


class FieldOfView:
    """Cuts ``degrees`` of azimuth out of a panorama while training; see ``Crop``.

    Standing first in a view's list it works before the resize to ``data.size``, which is that of
    the part. With heading ``random`` every epoch shows another part. With ``degrees: size`` the
    part is as wide as the view is in this batch: its width's share of that in ``data.size``, for
    which a whole panorama is meant; ``data.size_schedule`` changes it. Reports ``fov_rad``, the
    field, and ``turn_rad``, how far to the right of the panorama's middle its own lies (0..2 pi).
    """

    joint: bool = False
    before_resize: bool = True

    def __init__(self, *, degrees: float | Literal["size"], heading: Heading = "random") -> None:
        self.degrees: float | Literal["size"] = (
            degrees if isinstance(degrees, str) else check_between(self, "degrees", degrees, 1, 360)
        )
        self.heading: Heading = heading

    def __call__(
        self, image: Pixels, rng: np.random.Generator, context: TransformContext | None = None
    ) -> Pixels:
        """Return uint8[H, w, 3]."""
        turn = rng.random() if self.heading == "random" else 0.0
        degrees = self.degrees if not isinstance(self.degrees, str) else _degrees_of(context)
        report(context, "fov_rad", np.deg2rad(degrees))
        report(context, "turn_rad", turn * 2 * np.pi)
        return cut(image, degrees, turn)


def _degrees_of(context: TransformContext | None) -> float:
    if context is None or context.view is None:
        raise ConfigError(
            "the size of a batch is known in training alone", where="FieldOfView.degrees"
        )
    (_, width), (_, whole) = context.sizes[context.view], context.full_sizes[context.view]
    if width > whole:
        raise ConfigError(
            f"a part of {width} columns is wider than the whole panorama of {whole}",
            where=f"data.size_schedule.{context.view}",
            hint=f"degrees: size needs sizes that are no wider than data.size.{context.view}.",
        )
    return 360 * width / whole


def cut(panorama: Pixels, degrees: float, turn: float) -> Pixels:
    """Return the part of a panorama around its middle, ``turn`` of the full circle to the right."""
    width = panorama.shape[1]
    part = columns(width, degrees)
    first = (width - part) // 2 + int(turn * width)
    return panorama[:, np.arange(first, first + part) % width]


def columns(width: int, degrees: float) -> int:
    """Return how many of a panorama's columns a field of view covers, at least one."""
    return max(1, round(width * degrees / 360))

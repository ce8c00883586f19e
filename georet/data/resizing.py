"""The named rules by which images are brought to an encoder's size.

A rule decides embeddings as the weights do, so its name stands in each encoder's identity. All
rules compute in integers: the same bytes on every processor.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, Literal

import cv2
import numpy as np

from georet.config import FIRST_RULE, SMOOTH_RULE, DataConfig
from georet.errors import UsageError
from georet.types import Pixels

FAST: Final = "-fast"
"""Ends the name of a rule under which JPEGs are decoded at the smallest scale, n/8, that covers the
wanted size, before they are resized."""

CROP, LETTERBOX = "-crop", "-letterbox"
"""End the names of rules that keep an image's proportions: its middle alone, or all of it."""

RULES: Final = tuple(
    rule + fast
    for rule in (FIRST_RULE, SMOOTH_RULE, SMOOTH_RULE + CROP, SMOOTH_RULE + LETTERBOX)
    for fast in ("", FAST)
)
"""All rules."""

PADDING: Final = (124, 116, 104)
"""What surrounds a letterboxed image: the mean of ImageNet, which normalisation makes nothing."""

_EIGHTHS: Final = 8


def rule_of(data: DataConfig) -> str:
    """Return the rule's name that a run's data section asks for."""
    return data.resize + (FAST if data.fast else "")


def is_fast(rule: str) -> bool:
    """Say whether a rule decodes JPEGs at the smallest scale that covers the size."""
    return rule.endswith(FAST)


def resize(image: Pixels, size: tuple[int, int], rule: str) -> Pixels:
    """Return uint8[H, W, 3] resized to ``size`` (height, width); the image itself if it has it.

    ``bilinear-exact``: bilinear with half-pixel centres and no smoothing when shrinking, as
    Sample4Geo does: OpenCV's INTER_LINEAR_EXACT. ``bilinear-antialias``: the same when enlarging;
    when shrinking the triangle filter is as wide as the shrinking asks for, as in torchvision with
    ``antialias``: Pillow's BILINEAR, bit for bit (``georet.data.resampling`` says in which order).
    Both squash an image of another shape. ``-crop`` behind it keeps the largest part in the middle
    that has the shape of ``size``, ``-letterbox`` the whole image, with ``PADDING`` around it. With
    ``-fast`` behind it the image is first averaged down to the smallest n/8 of its size that
    covers ``size``, which is what a JPEG's scaled decoding does.

    Raises UsageError for a rule that this version doesn't know.
    """
    if rule not in RULES:
        raise UsageError(
            f"there is no rule {rule!r} of resizing in this version",
            where="resize_rule",
            hint=f"Known: {', '.join(RULES)}. A newer georet may know it.",
        )
    if image.shape[:2] == tuple(size):
        return image
    if is_fast(rule):
        return resize(reduced(image, size), size, rule.removesuffix(FAST))
    if rule.endswith(CROP):
        return resize(_middle(image, size), size, rule.removesuffix(CROP))
    if rule.endswith(LETTERBOX):
        return _letterboxed(image, size, rule.removesuffix(LETTERBOX))
    height, width = size
    if rule == FIRST_RULE:
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
        return np.asarray(resized, dtype=np.uint8)
    return _resampled(image, size, "triangle")


def _middle(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the largest part in an image's middle that has the shape of ``size``."""
    height, width = image.shape[:2]
    tall = min(height, max(1, round(width * size[0] / size[1])))
    wide = min(width, max(1, round(height * size[1] / size[0])))
    top, left = (height - tall) // 2, (width - wide) // 2
    return np.ascontiguousarray(image[top : top + tall, left : left + wide])


def _letterboxed(image: Pixels, size: tuple[int, int], rule: str) -> Pixels:
    """Return an image brought into ``size`` in its proportions, with grey above and below it."""
    height, width = image.shape[:2]
    factor = min(size[0] / height, size[1] / width)
    tall, wide = (
        min(most, max(1, round(side * factor)))
        for side, most in zip((height, width), size, strict=True)
    )
    boxed = np.empty((*size, 3), np.uint8)
    boxed[:] = PADDING
    top, left = (size[0] - tall) // 2, (size[1] - wide) // 2
    boxed[top : top + tall, left : left + wide] = resize(image, (tall, wide), rule)
    return boxed


def prepare(rule: str) -> None:
    """Load what a rule needs, once for all processes that are forked from this one."""
    if rule != FIRST_RULE:
        import_module("georet.data.resampling")


def halved(image: Any, times: int) -> Any:
    """Return uint8 or uint16[h, w, 3] averaged over blocks of 2 ** ``times``, of the same type.

    Edges that don't fill a block go. OpenCV averages whole blocks in integers.
    """
    side = 2**times
    height, width = (max(1, length // side) for length in image.shape[:2])
    whole = image[: height * side, : width * side]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)


def reduced(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return uint8[h, w, 3] averaged down to the smallest n/8 of its size that covers ``size``.

    What a rule with ``-fast`` begins with; of a JPEG that is not decoded yet its scaled decoding.
    """
    full = image.shape[:2]
    for eighths in range(1, _EIGHTHS):
        small = tuple(-(-length * eighths // _EIGHTHS) for length in full)
        if small[0] >= size[0] and small[1] >= size[1]:
            return _resampled(image, (small[0], small[1]), "box")
    return image


def _resampled(image: Pixels, size: tuple[int, int], how: Literal["triangle", "box"]) -> Pixels:
    # Importing numba takes longer than a command that resizes nothing.
    from georet.data.resampling import resample

    return resample(image, size, how)

"""Fills single slots of a batch: read, resize, augment. What a slot holds depends on nothing else.

The same code runs in the main process and in workers; its randomness comes from
(seed, epoch, step, slot) alone, so the number of workers and a resume change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from georet.blame import blaming, maker_of
from georet.contracts.training import ImageTransform, JointTransform
from georet.data.field_of_view import Crop
from georet.data.images import MAX_PIXELS, RESIZE_RULE, preprocess, read_image
from georet.data.resizing import is_fast
from georet.errors import ConfigError, DataError
from georet.types import ImageTable, Ints, PairTable, Pixels

Size = tuple[int, int]
IMAGE: Final = "image"
"""The one view of an ``ImageFiller``."""

_GREY: Final = 127


@dataclass(frozen=True)
class Job:
    """One batch to fill: ``rows`` int64[B] of a table, at ``step`` of ``epoch``."""

    epoch: int
    step: int
    rows: Ints


class Filler(Protocol):
    """Fills single slots of a batch, in whatever process it is called."""

    @property
    def sizes(self) -> Mapping[str, Size]:
        """{view: (height, width)} of what it fills."""

    def fill(self, job: Job, slot: int, out: Mapping[str, Pixels]) -> dict[Path, str]:
        """Fill ``out`` {view: uint8[B, H, W, 3]} at ``slot``; return {unreadable file: reason}."""

    def files(self, job: Job, slot: int) -> list[Path]:
        """Return the files that ``slot`` is filled from."""


@dataclass(frozen=True)
class Reading:
    """How files are read; where ``tolerant``, an unreadable one becomes an even grey.

    ``rule`` is one of ``georet.data.resizing.RULES``.
    """

    rule: str = RESIZE_RULE
    max_pixels: int = MAX_PIXELS
    tolerant: bool = False

    def read(self, path: Path, size: Size | None, grey: Size, bad: dict[Path, str]) -> Pixels:
        """Return uint8[H, W, 3]; in place of an unreadable file grey, and its reason in ``bad``."""
        try:
            return read_image(path, size=size, rule=self.rule, max_pixels=self.max_pixels)
        except DataError as error:
            if not self.tolerant:
                raise
            bad[path] = error.what
            return np.full((*grey, 3), _GREY, dtype=np.uint8)


class PairFiller:
    """Reads and augments the views of one pair.

    A view that the pair hasn't got (row -1) passes the joint transforms as black and ends as such.
    """

    def __init__(
        self,
        table: PairTable,
        sizes: Mapping[str, Size],
        joint: Sequence[JointTransform],
        augment: Mapping[str, Sequence[ImageTransform]],
        *,
        seed: int,
        reading: Reading,
    ) -> None:
        for key, given in (("size", sizes), ("augment", augment)):
            for view in given:
                if view not in table.views:
                    raise ConfigError(
                        f"there is no view {view!r}",
                        where=f"data.{key}.{view}",
                        hint=f"the data set's views are: {', '.join(table.views)}",
                    )
        self.table, self.joint, self.seed, self.reading = table, list(joint), seed, reading
        self.sizes = {view: checked_size(view, sizes) for view in table.views}
        self.before: dict[str, list[ImageTransform]] = {}
        self.after: dict[str, list[ImageTransform]] = {}
        for view in table.views:
            transforms = list(augment.get(view, ()))
            leading = takewhile(lambda t: getattr(t, "before_resize", False), transforms)
            early = [] if is_fast(reading.rule) else list(leading)
            self.before[view], self.after[view] = early, transforms[len(early) :]

    def fill(self, job: Job, slot: int, out: Mapping[str, Pixels]) -> dict[Path, str]:
        """Fill ``out`` {view: uint8[B, H, W, 3]} at ``slot``; return {unreadable file: reason}."""
        rng = np.random.default_rng([self.seed, job.epoch, job.step, slot])
        rows = dict(zip(self.table.views, self.table.pairs[job.rows[slot]].tolist(), strict=True))
        bad: dict[Path, str] = {}
        images = {view: self._read(view, row, rng, bad) for view, row in rows.items()}
        for transform in self.joint:
            with blaming(transform, "the transform", patience_s=5):
                images = self._checked_joint(transform, transform(images, rng))
        for view, row in rows.items():
            out[view][slot] = self._augmented(view, images, rng) if row >= 0 else 0
        return bad

    def files(self, job: Job, slot: int) -> list[Path]:
        """Return the files of the pair's views."""
        rows = self.table.pairs[job.rows[slot]].tolist()
        tables = self.table.views.values()
        return [t.paths[row] for t, row in zip(tables, rows, strict=True) if row >= 0]

    def _read(self, view: str, row: int, rng: np.random.Generator, bad: dict[Path, str]) -> Pixels:
        size, before = self.sizes[view], self.before[view]
        if row < 0:
            return np.zeros((*size, 3), dtype=np.uint8)
        path = self.table.views[view].paths[row]
        image = self.reading.read(path, None if before else size, size, bad)
        for transform in before:
            with blaming(transform, "the transform", patience_s=5):
                image = _checked(transform, transform(image, rng), None)
        return preprocess(image, size, self.reading.rule)

    def _augmented(
        self, view: str, images: Mapping[str, Pixels], rng: np.random.Generator
    ) -> Pixels:
        image = images[view]
        for transform in self.after[view]:
            with blaming(transform, "the transform", patience_s=5):
                image = _checked(transform, transform(image, rng), self.sizes[view])
        return image

    def _checked_joint(self, transform: JointTransform, found: object) -> dict[str, Pixels]:
        if not isinstance(found, dict) or set(found) != set(self.sizes):
            views = ", ".join(self.sizes)
            raise maker_of(transform).broke(
                f"the joint transform returned a {type(found).__name__}, wanted a dict",
                f"Return {{view: image}} for {views}.",
            )
        for view, image in found.items():
            _checked(transform, image, self.sizes[view])
        return found


class ImageFiller:
    """Reads images of one table, as they are but for a crop, if there is one, and the resize.

    The crop is given the image's id, or its entry in the table's column ``image_id``.
    """

    def __init__(
        self, table: ImageTable, size: Size, *, reading: Reading, crop: Crop | None = None
    ) -> None:
        self.table, self.reading, self.crop = table, reading, crop
        self.sizes = {IMAGE: size}

    def fill(self, job: Job, slot: int, out: Mapping[str, Pixels]) -> dict[Path, str]:
        """Fill ``out`` {"image": uint8[B, H, W, 3]}; return {unreadable file: reason}."""
        bad: dict[Path, str] = {}
        (path,), size = self.files(job, slot), self.sizes[IMAGE]
        if self.crop is None:
            out[IMAGE][slot] = self.reading.read(path, size, size, bad)
            return bad
        row = int(job.rows[slot])
        image_id = str(self.table.columns.get("image_id", self.table.ids)[row])
        image = self.reading.read(path, None, size, bad)
        out[IMAGE][slot] = preprocess(self.crop(image, image_id), size, self.reading.rule)
        return bad

    def files(self, job: Job, slot: int) -> list[Path]:
        """Return the one file of the slot."""
        return [self.table.paths[int(job.rows[slot])]]


def _checked(transform: object, image: object, size: Size | None) -> Pixels:
    """Return what a transform returned; ComponentError unless uint8[H, W, 3] of that size."""
    wanted = "[H, W, 3]" if size is None else str([*size, 3])
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3:
        height, width, num = image.shape
        if num == 3 and height and width and size in (None, (height, width)):
            return image
    found = f"a {type(image).__name__}"
    if isinstance(image, np.ndarray):
        found = f"{image.dtype}{list(image.shape)}"
    raise maker_of(transform).broke(
        f"the transform {type(transform).__name__} returned {found}, wanted uint8{wanted}",
        "A transform keeps the type, and after the resize the size too.",
    )


def checked_size(view: str, sizes: Mapping[str, Size]) -> Size:
    """Return the (height, width) of a view; raise ConfigError naming the key if it has none."""
    if view not in sizes:
        raise ConfigError(
            f"no size is given for the view {view!r}",
            where=f"data.size.{view}",
            hint=f"--set data.size.{view}='[384, 384]' (height, width)",
        )
    height, width = sizes[view]
    if height < 1 or width < 1:
        raise ConfigError(f"{height} x {width} is no image size", where=f"data.size.{view}")
    return int(height), int(width)

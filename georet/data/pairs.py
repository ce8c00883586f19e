"""Fills slots with pairs: read, resize, augment. What a slot holds depends on nothing else.

The same code runs in the main process and in workers; its randomness comes from
(seed, epoch, step, slot) alone, so the number of workers and a resume change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from georet.blame import blaming, maker_of
from georet.contracts.asking import asks_for
from georet.contracts.transforming import (
    ImageTransform,
    JointTransform,
    Size,
    TransformContext,
    Visit,
)
from georet.data.course import Course, check_views
from georet.data.images import preprocess
from georet.data.pixels import PixelStore, store_of
from georet.data.resizing import is_fast
from georet.data.samples import Filled, Job, Reading
from georet.errors import ConfigError
from georet.progress import say
from georet.types import Pixels

T = TypeVar("T")


class PairFiller:
    """Reads and augments the views of one pair.

    A view that the pair hasn't got (row -1) passes the joint transforms as black and ends as such.
    ``course.aux_views`` are read for the joint transforms and not filled. ``keep_in`` has images
    kept on disk.
    """

    def __init__(
        self,
        course: Course,
        joint: Sequence[JointTransform],
        augment: Mapping[str, Sequence[ImageTransform]],
        *,
        reading: Reading,
    ) -> None:
        check_views(course.table, "augment", augment)
        for view in course.aux_views:
            if augment.get(view):
                raise ConfigError(
                    f"the view {view!r} isn't embedded, so nobody would see what they do",
                    where=f"data.augment.{view}",
                    hint="Joint transforms come first: what they make of it in another view is "
                    "augmented there. Or take the view out of data.aux_views.",
                )
        self.course, self.table, self.reading = course, course.table, reading
        self.stores: dict[str, PixelStore] = {}
        self.sizes = {view: course.largest(view) for view in course.embedded}
        self.joint: list[_Asked[dict[str, Pixels]]] = [_asked(transform) for transform in joint]
        self.before: dict[str, list[_Asked[Pixels]]] = {}
        self.after: dict[str, list[_Asked[Pixels]]] = {}
        for view in self.table.views:
            transforms = list(augment.get(view, ()))
            leading = takewhile(lambda t: getattr(t, "before_resize", False), transforms)
            num_early = 0 if is_fast(reading.rule) else len(list(leading))
            asked: list[_Asked[Pixels]] = [_asked(transform) for transform in transforms]
            self.before[view], self.after[view] = asked[:num_early], asked[num_early:]

    def keep_in(self, cache: str) -> None:
        """Keep images as resized, below the folder ``cache``, of views where it is possible."""
        for view, images in self.table.views.items():
            if not self.before[view]:
                size, reading = self.course.full_sizes[view], self.reading
                self.stores[view] = store_of(
                    cache, images.paths, size, reading.rule, reading.max_pixels
                )
                continue
            names = ", ".join(type(asked.transform).__name__ for asked in self.before[view])
            say(
                f"data.cache: training images of {view} are not kept, {names} changes them before "
                "the resize; with data.fast it does so after it"
            )

    def sizes_of(self, job: Job) -> Mapping[str, Size]:
        """Return {view: (height, width)} of the embedded views in one batch."""
        return {view: job.sizes[view] for view in self.sizes}

    def fill(self, job: Job, slot: int, out: Mapping[str, Pixels]) -> Filled:
        """Fill ``out`` {view: uint8[B, H, W, 3]} at ``slot``."""
        rng = np.random.default_rng([self.course.seed, job.epoch, job.step, job.first + slot])
        shown = {view: int(rows[slot]) for view, rows in job.shown.items()}
        visit = Visit(
            self.table,
            int(job.rows[slot]),
            job.epoch,
            job.step,
            job.progress,
            job.sizes,
            self.course.full_sizes,
            shown,
        )
        own = {view: TransformContext(visit, view) for view in shown}
        bad: dict[Path, str] = {}
        images = {view: self._read(view, own[view], rng, bad) for view in shown}
        whole = TransformContext(visit)
        for asked in self.joint:
            with blaming(asked.transform, "the transform", patience_s=5):
                found = asked.call(images, rng, whole)
                images = _checked_joint(asked.transform, found, job.sizes)
        for view in self.sizes:
            out[view][slot] = self._augmented(images[view], own[view], rng, shown[view])
        return Filled(bad, visit.applied)

    def files(self, job: Job, slot: int) -> list[Path]:
        """Return the files of the pair's views."""
        rows = {view: int(rows[slot]) for view, rows in job.shown.items()}
        return [self.table.views[view].paths[row] for view, row in rows.items() if row >= 0]

    def _read(
        self,
        view: str,
        context: TransformContext,
        rng: np.random.Generator,
        bad: dict[Path, str],
    ) -> Pixels:
        size, before, row = context.sizes[view], self.before[view], context.visit.shown[view]
        if row < 0:
            return np.zeros((*size, 3), dtype=np.uint8)
        table, store = self.table.views[view], self.stores.get(view)
        image = self.reading.read((table, row), None if before else size, size, bad, store)
        for asked in before:
            with blaming(asked.transform, "the transform", patience_s=5):
                image = _checked(asked.transform, asked.call(image, rng, context), None)
        return preprocess(image, size, self.reading.rule)

    def _augmented(
        self, image: Pixels, context: TransformContext, rng: np.random.Generator, row: int
    ) -> Pixels | int:
        if row < 0:
            return 0
        for asked in self.after[str(context.view)]:
            with blaming(asked.transform, "the transform", patience_s=5):
                image = _checked(asked.transform, asked.call(image, rng, context), context.size)
        return image


@dataclass(frozen=True)
class _Asked(Generic[T]):
    """A transform, and whether it wants to know where it is; travels to other processes."""

    transform: Callable[..., T]
    wants_context: bool

    def call(self, given: T, rng: np.random.Generator, context: TransformContext) -> T:
        """Return what the transform makes of an image, or of all of a pair's."""
        if self.wants_context:
            return self.transform(given, rng, context=context)
        return self.transform(given, rng)


def _asked(transform: Callable[..., T]) -> _Asked[T]:
    return _Asked(transform, asks_for(transform, "context"))


def _checked_joint(
    transform: object, found: object, sizes: Mapping[str, Size]
) -> dict[str, Pixels]:
    if not isinstance(found, dict) or set(found) != set(sizes):
        views = ", ".join(sizes)
        raise maker_of(transform).broke(
            f"the joint transform returned a {type(found).__name__}, wanted a dict",
            f"Return {{view: image}} for {views}.",
        )
    for view, image in found.items():
        _checked(transform, image, sizes[view])
    return found


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

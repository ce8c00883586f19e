"""Loads the batches of a plan, and the images of a table; in this process or with workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import torch

from georet.config import SizeSchedule
from georet.contracts.transforming import ImageTransform, JointTransform, Size
from georet.data.course import Course
from georet.data.feed import TIMEOUT_S, Feed, check_quota
from georet.data.images import MAX_PIXELS, RESIZE_RULE
from georet.data.pairs import PairFiller
from georet.data.pixels import store_of
from georet.data.reading import FileFiller, error_in
from georet.data.samples import Job, Reading, told_of
from georet.data.transforms.field_of_view import Crop
from georet.errors import DataError
from georet.feeding.ahead import in_order, quick_feeder
from georet.types import Batch, BatchPlan, Floats, ImageTable, Ints, PairTable


class PairLoader:
    """Loads the batches of plans over one table of pairs, augmented.

    With ``share``, only those slots of each batch are loaded, as they are in the whole one, which
    stands in ``Batch.whole``.

    ``size`` {view: (height, width)} must hold every view of the table; ``size_schedule`` replaces
    it batch by batch over a run of ``epochs``. ``aux_views`` are shown to joint transforms and not
    returned. What a batch contains depends on these, (``seed``, epoch, step) and the plan alone,
    not on ``workers`` nor on where an epoch was taken up again. Workers live until ``close``. With
    ``bad_image_quota`` > 0 that share of all the table's images may be unreadable: they become grey
    and are listed in ``bad_images``. ``cache`` names a folder that keeps images as resized, where
    nothing changes them before.
    """

    def __init__(
        self,
        table: PairTable,
        *,
        size: Mapping[str, Size],
        joint: Sequence[JointTransform] = (),
        augment: Mapping[str, Sequence[ImageTransform]] | None = None,
        size_schedule: Mapping[str, SizeSchedule] | None = None,
        aux_views: Sequence[str] = (),
        epochs: int = 1,
        seed: int,
        workers: int = 0,
        rule: str = RESIZE_RULE,
        max_pixels: int = MAX_PIXELS,
        pin_memory: bool = False,
        timeout_s: float = TIMEOUT_S,
        bad_image_quota: float = 0.0,
        share: slice | None = None,
        cache: str | None = None,
    ) -> None:
        self.table, self.share = table, share
        reading = Reading(rule=rule, max_pixels=max_pixels, tolerant=bad_image_quota > 0)
        self.course = Course(table, size, seed, epochs, size_schedule or {}, tuple(aux_views))
        filler = PairFiller(self.course, joint, augment or {}, reading=reading)
        if cache is not None:
            filler.keep_in(cache)
        self._feed = Feed(
            filler,
            num_images=sum(len(images) for images in table.views.values()),
            workers=workers,
            timeout_s=timeout_s,
            pin_memory=pin_memory,
            bad_image_quota=bad_image_quota,
        )

    @property
    def bad_images(self) -> Mapping[Path, str]:
        """Unreadable images met so far, and why."""
        return self._feed.bad_images

    def epoch(self, plan: BatchPlan, *, first_step: int = 0) -> Iterator[Batch]:
        """Yield the plan's batches from ``first_step`` on.

        Raises DataError that names the file (unreadable), or the files at which a worker died.
        """
        steps = range(first_step, len(plan.batches))
        jobs = (self.course.job(plan, step) for step in steps)
        if self.share is not None:
            jobs = (job.share(self.share) for job in jobs)
        for job, images, applied in self._feed.run(jobs, plan.batches.shape[1]):
            batch = self._batch(job, images, applied)
            if self.share is not None:
                batch.whole = self._batch(self.course.job(plan, job.step), {}, {})
            yield batch

    def _batch(
        self, job: Job, images: dict[str, torch.Tensor], applied: Mapping[str, Floats]
    ) -> Batch:
        pairs = self.table.pairs[job.rows]
        rows = {view: pairs[:, column] for column, view in enumerate(self.table.views)}
        at = job.epoch, job.step, job.progress
        return Batch(images, job.rows, rows, self.table, *at, applied, dict(job.shown))

    def note_bad(self, images: Mapping[Path, str]) -> None:
        """Count unreadable images that others met; DataError where the quota is passed."""
        self._feed.note_bad(images)

    def close(self) -> None:
        """End the workers; another epoch starts new ones."""
        self._feed.close()

    def __enter__(self) -> PairLoader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class ImageLoader:
    """Loads all images of a table in its order, resized to ``size`` (height, width), for embedding.

    Each pass has ``workers`` processes of its own that read ahead. The images of a batch are good
    until ``held`` more were asked for. ``bad_image_quota`` as in ``PairLoader``. With ``crop`` only
    a part of each image is shown, resized from full decoding. Of the batches, only those of
    ``batches`` are loaded.
    """

    def __init__(
        self,
        table: ImageTable,
        *,
        size: Size,
        batch_size: int,
        workers: int = 0,
        held: int = 1,
        rule: str = RESIZE_RULE,
        max_pixels: int = MAX_PIXELS,
        timeout_s: float = TIMEOUT_S,
        bad_image_quota: float = 0.0,
        crop: Crop | None = None,
        batches: slice = slice(None),
        cache: str | None = None,
    ) -> None:
        self.table, self.batch_size, self.workers, self.held = table, batch_size, workers, held
        self.batches = batches
        self.bad_images: dict[Path, str] = {}
        self._timeout_s, self._quota = timeout_s, bad_image_quota
        # The name that a crop is drawn by, where the table tells another than its own.
        ids = [] if crop is None else list(map(str, table.columns.get("image_id", table.ids)))
        paths, is_kept = table.paths, cache is not None and crop is None and len(table) > 0
        store = store_of(cache, paths, size, rule, max_pixels) if is_kept else None
        self._filler = FileFiller(paths, size, rule, max_pixels, crop, ids, store)

    def note_bad(self, images: Mapping[Path, str]) -> None:
        """Count unreadable images that others met; DataError where the quota is passed."""
        self.bad_images.update(images)
        check_quota(self.bad_images, len(self.table), self._quota)

    def __len__(self) -> int:
        return len(range(0, len(self.table), self.batch_size)[self.batches])

    def __iter__(self) -> Iterator[tuple[Ints, torch.Tensor]]:
        """Yield (rows int64[b], uint8[b, H, W, 3]); the last batch may be smaller.

        DataError where an image can't be read, beyond the quota if there is one.
        """
        every = np.arange(len(self.table))
        starts = range(0, len(every), self.batch_size)[self.batches]
        batches = [every[start : start + self.batch_size] for start in starts]
        if not batches:
            return
        feeder = quick_feeder(
            self._filler,
            size=self._filler.size,
            capacity=max(1, min(self.batch_size, len(every))),
            num_batches=len(batches),
            workers=self.workers,
            held=self.held,
            timeout_s=self._timeout_s,
        )
        try:
            for batch in in_order(feeder, batches, held=self.held):
                for row, extra in zip(batch.rows.tolist(), batch.extras, strict=True):
                    self._note(row, error_in(extra))
                yield batch.rows, torch.from_numpy(batch.images)
        finally:
            feeder.close()

    def _note(self, row: int, error: DataError | None) -> None:
        if error is None:
            return
        if not self._quota:
            raise told_of(error, f"It is {self.table.in_words(row)}.")
        self.bad_images[self.table.paths[row]] = error.what
        check_quota(self.bad_images, len(self.table), self._quota)

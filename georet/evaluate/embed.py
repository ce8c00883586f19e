"""Embedding whole tables of images, without augmentation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from georet.blame import maker_of
from georet.config import DataConfig, FieldOfView
from georet.data.loader import ImageLoader
from georet.data.resizing import rule_of
from georet.data.transforms.field_of_view import Crop, columns
from georet.embeddings import is_unit_length
from georet.encoder import Encoder
from georet.errors import ConfigError, TrainingError
from georet.ranks.world import ALONE, Ranks, parts_of
from georet.types import Floats, ImageTable, Ints, Pixels

Advance = Callable[[int], None]


def ignore(_: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Embedder:
    """Embeds images with an encoder as the run's data section says."""

    encoder: Encoder
    data: DataConfig
    batch_size: int
    precision: torch.dtype = torch.float32
    bad_images: dict[Path, str] = field(default_factory=dict)
    """Images that could not be read, and why; they were embedded as grey."""
    ranks: Ranks = ALONE
    """Those among whom the batches of a table are shared; each gets all embeddings."""

    def table(
        self,
        view: str,
        table: ImageTable,
        advance: Advance = ignore,
        *,
        field_of_view: FieldOfView | None = None,
    ) -> Floats:
        """Return unit-length embeddings float32[R, D] of all images of a table.

        ``advance`` is called with the number of images done since; it may raise to stop.
        ``field_of_view`` is what the images, panoramas, are cut down to.
        """
        out = np.empty((len(table), self.encoder.embed_dim), np.float32)
        batches, parts = parts_of(self.ranks, len(table), self.batch_size)
        with self.ranks.in_turn() if self.data.cache else nullcontext():
            loader = ImageLoader(
                table,
                size=size_shown(view, self.data, field_of_view),
                crop=_crop(field_of_view),
                batch_size=self.batch_size,
                workers=self.data.num_workers,
                held=self._held,
                rule=rule_of(self.data),
                max_pixels=self.data.max_pixels,
                bad_image_quota=self.data.bad_image_quota,
                cache=self.data.cache,
                batches=batches[self.ranks.rank],
            )
        was_training = self.encoder.training
        self.encoder.eval()
        try:
            for rows, embeddings in self._embedded(view, loader):
                out[rows] = embeddings
                advance(len(rows))
        finally:
            self.encoder.train(was_training)
            self.bad_images.update(loader.bad_images)
        self.ranks.complete(out, parts)
        own = parts[self.ranks.rank]
        advance(len(table) - (own.stop - own.start))
        for met in self.ranks.exchange(dict(loader.bad_images)):
            self.bad_images.update(met)
            loader.note_bad(met)
        self._check(out, view, table)
        return out

    def _embedded(self, view: str, loader: ImageLoader) -> Iterator[tuple[Ints, Floats]]:
        """Yield rows and embeddings of each batch; on CUDA one is copied while one is computed."""
        device = self.encoder.log_scale.device
        if device.type != "cuda":
            for rows, images in loader:
                yield rows, self._on_device(view, images.to(device)).cpu().numpy()
            return
        from georet.feeding.overlap import Overlap

        taken: deque[Ints] = deque()

        def shown() -> Iterator[Pixels]:
            for rows, images in loader:
                taken.append(rows)
                yield images.numpy()

        embed, dim = partial(self._on_device, view), self.encoder.embed_dim
        for embeddings in Overlap(embed, device, dim, most=self.batch_size).run(shown()):
            yield taken.popleft(), embeddings

    @property
    def _held(self) -> int:
        """How many batches are under way at once."""
        if self.encoder.log_scale.device.type != "cuda":
            return 1
        from georet.feeding.overlap import HELD

        return HELD

    def _on_device(self, view: str, images: torch.Tensor) -> torch.Tensor:
        """Return embeddings float32[B, D] of uint8[B, H, W, 3], on the encoder's device."""
        is_reduced, kind = self.precision != torch.float32, images.device.type
        reduced = torch.autocast(kind, dtype=self.precision, enabled=is_reduced)
        with torch.inference_mode(), reduced:
            return self.encoder.embed(view, images).float()

    def _check(self, embeddings: Floats, view: str, table: ImageTable) -> None:
        bad = np.flatnonzero(~is_unit_length(embeddings))
        if not len(bad):
            return
        maker = maker_of(self.encoder.branch(view).backbone)
        raise TrainingError(
            f"{len(bad)} of {len(table)} embeddings have no direction or are not finite, "
            f"the first is that of {table.ids[bad[0]]!r}",
            where=f"{table.name}, {maker}",
            hint="The encoder has diverged: lower train.lr or use precision=fp32.",
        )


def unique_images(tables: Sequence[ImageTable]) -> tuple[ImageTable, list[np.ndarray]]:
    """Return one table of the distinct paths, and for each table its rows int64[R] in that one."""
    rows: dict[str, int] = {}
    positions = [
        np.fromiter((rows.setdefault(str(p), len(rows)) for p in t.paths), np.int64, len(t))
        for t in tables
    ]
    paths = {str(p): p for t in tables for p in t.paths}
    # The name that an image goes by, wherever its file lies: crops are drawn by it.
    ids = {str(p): i for t in reversed(tables) for p, i in zip(t.paths, t.ids, strict=True)}
    by_name = {"image_id": np.array([ids[name] for name in rows], dtype=object)}
    table = ImageTable(list(rows), [paths[name] for name in rows], None, by_name, "images")
    return table, positions


def size_of(view: str, data: DataConfig) -> tuple[int, int]:
    """Return height and width of a view's images in pixels."""
    if view not in data.size:
        raise ConfigError(
            f"no image size for view {view!r}",
            where=f"data.size.{view}",
            hint=f"Add for example --set data.size.{view}=[384,384]",
        )
    return data.size[view]


def size_shown(view: str, data: DataConfig, field_of_view: FieldOfView | None) -> tuple[int, int]:
    """Return height and width in pixels of a view's images, or of the parts that are shown."""
    height, width = size_of(view, data)
    if field_of_view is None:
        return height, width
    return field_of_view.size or (height, columns(width, field_of_view.degrees))


def _crop(field_of_view: FieldOfView | None) -> Crop | None:
    if field_of_view is None:
        return None
    return Crop(field_of_view.degrees, field_of_view.heading, field_of_view.seed)

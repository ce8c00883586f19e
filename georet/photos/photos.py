"""The photos to locate: read within limits, the unreadable ones counted."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from georet.contracts.running import Session
from georet.data.images import MAX_PIXELS, preprocess, read_image
from georet.data.reading import FileFiller, error_in, told_error
from georet.data.resizing import prepare
from georet.data.samples import told_of
from georet.embeddings import embed
from georet.errors import DataError, UsageError
from georet.feeding.ahead import in_order, quick_feeder
from georet.identity import EncoderIdentity
from georet.photos.camera.cameras import Cameras
from georet.photos.camera.facts import CameraFacts
from georet.photos.framing import Framing, Views
from georet.processes import num_cores
from georet.sessions import BATCH
from georet.types import Floats, Ints, Pixels

Photo = Path | Pixels
"""A file, or uint8[H, W, 3], RGB, of any size."""
_READERS: Final = 4
_WANTED: Final = "wanted a path or uint8[H, W, 3], RGB"


def embed_photos(
    photos: Sequence[Photo], session: Session, *, max_pixels: int = MAX_PIXELS
) -> Floats:
    """Return embeddings float32[Q, D] of photos, read and embedded ``BATCH`` at a time.

    DataError for a file that can't be read, UsageError for what is no picture.
    """
    size, rule = session.identity.size, session.identity.resize_rule
    parts = [np.empty((0, session.identity.embed_dim), np.float32)]
    for start in range(0, len(photos), BATCH):
        pixels = [
            read_image(photo, size=size, rule=rule, max_pixels=max_pixels)
            if isinstance(photo, Path)
            else preprocess(_checked(photo, at), size, rule)
            for at, photo in enumerate(photos[start : start + BATCH], start)
        ]
        parts.append(embed(session, np.stack(pixels)))
    return np.concatenate(parts)


def _checked(image: object, at: int) -> Pixels:
    """Return image ``at`` of a call; UsageError unless it is uint8[H, W, 3] with a pixel."""
    if not isinstance(image, np.ndarray):
        raise UsageError(f"is a {type(image).__name__}, {_WANTED}", where=f"image {at}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        found = f"{image.dtype}{list(image.shape)}"
        raise UsageError(f"is {found}, {_WANTED}", where=f"image {at}")
    return image


def view_photo(
    photo: Photo,
    framing: Framing,
    cameras: Cameras | None,
    *,
    max_pixels: int = MAX_PIXELS,
    at: int = 0,
) -> Views:
    """Return the views of a photo, number ``at`` of a call, as far as its camera is known.

    Of an array only what is given for all photos is known. DataError for a file that can't be read,
    UsageError for what is no picture.
    """
    facts = CameraFacts()
    if cameras is not None and cameras.turns_photos:
        facts = cameras.of(photo) if isinstance(photo, Path) else cameras.given
    if isinstance(photo, Path) and framing.leaves(facts):
        # Nothing but the encoder's own size is needed; large JPEGs are then decoded at it.
        size, rule = framing.size, framing.rule
        return Views(read_image(photo, size=size, rule=rule, max_pixels=max_pixels)[None])
    if isinstance(photo, Path):
        return framing.views(read_image(photo, max_pixels=max_pixels), facts)
    return framing.views(_checked(photo, at), facts)


def embed_views(views: Sequence[Pixels], session: Session) -> list[Floats]:
    """Return the embeddings float32[V, D] of each photo's views uint8[V, H, W, 3], in order."""
    flat = [view for some in views for view in some]
    parts = [np.empty((0, session.identity.embed_dim), np.float32)]
    parts += [
        embed(session, np.stack(flat[start : start + BATCH]))
        for start in range(0, len(flat), BATCH)
    ]
    ends = np.cumsum([len(some) for some in views])[:-1]
    return np.split(np.concatenate(parts), ends) if len(views) else []


@dataclass(frozen=True)
class ViewFiller:
    """Reads photos for a feeder; the views of one stand below each other in its image."""

    paths: Sequence[Path]
    framing: Framing
    cameras: Cameras | None
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        prepare(self.framing.rule)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image with as many views as there may be."""
        most = max(self.framing.rotations, self.framing.pieces**2)
        return most * self.framing.size[0], self.framing.size[1]

    def fill(self, row: int, out: Pixels) -> bytes:
        """Write a photo's views to ``out`` uint8[V * h, w, 3]; return their number and how."""
        try:
            views = view_photo(
                self.paths[row], self.framing, self.cameras, max_pixels=self.max_pixels
            )
        except DataError as error:
            return told_error(error)
        flat = views.pixels.reshape(-1, *out.shape[1:])
        out[: len(flat)] = flat
        return json.dumps({"num": len(views.pixels), "how": views.how}).encode()

    def lanes(self, rows: Ints) -> None:
        """Return None: files share nothing."""

    def name(self, row: int) -> str:
        """Return the file."""
        return str(self.paths[row])


@dataclass
class PhotoReader:
    """Reads photos as an encoder takes them; of ``num_photos`` the share ``quota`` may be bad.

    With ``framing`` a photo becomes uint8[V, H, W, 3], the views that its camera in ``cameras``
    allows, and ``how`` says how they came. ``bad`` says for each unreadable photo what is wrong
    with it; ``listed`` where each is told of.
    """

    encoder: EncoderIdentity
    num_photos: int
    quota: float = 0.0
    max_pixels: int = MAX_PIXELS
    bad: dict[Path, DataError] = field(default_factory=dict)
    framing: Framing | None = None
    cameras: Cameras | None = None
    how: dict[Path, str] = field(default_factory=dict)
    listed: Mapping[Path, str] = field(default_factory=dict)

    def read(self, paths: Sequence[Path]) -> dict[Path, Pixels]:
        """Return the readable ones of the photos, uint8[H, W, 3], or their views [V, H, W, 3].

        DataError beyond the quota.
        """
        with closing(self.ahead(paths, len(paths))) as chunks:
            return next(chunks, {})

    def ahead(self, paths: Sequence[Path], size: int) -> Generator[dict[Path, Pixels]]:
        """Yield what ``read`` returns for ``size`` photos at a time; later ones are read meanwhile.

        Pixels are good until the next are asked for.
        """
        filler = self._filler(paths)
        every = np.arange(len(paths))
        batches = [every[s : s + size] for s in range(0, len(paths), max(1, size))]
        # One photo is read sooner than a process is there, and only forking is quick.
        can_fork = sys.platform == "linux" and len(paths) > 1
        feeder = quick_feeder(
            filler,
            size=filler.size,
            capacity=max(1, min(size, len(paths))),
            num_batches=len(batches),
            workers=min(_READERS, num_cores(), len(paths)) if can_fork else 0,
        )
        try:
            for batch in in_order(feeder, batches):
                found = {}
                for row, extra, image in zip(batch.rows, batch.extras, batch.images, strict=True):
                    if (error := error_in(extra)) is not None:
                        self.bad[paths[row]] = self._told(paths[row], error)
                    else:
                        found[paths[row]] = self._viewed(paths[row], image, extra)
                self._check_quota()
                yield found
        finally:
            feeder.close()

    def _filler(self, paths: Sequence[Path]) -> FileFiller | ViewFiller:
        if self.framing is not None:
            return ViewFiller(paths, self.framing, self.cameras, self.max_pixels)
        return FileFiller(paths, self.encoder.size, self.encoder.resize_rule, self.max_pixels)

    def _viewed(self, path: Path, image: Pixels, extra: bytes | None) -> Pixels:
        """Return the views that stand below each other in an image, as ``extra`` tells."""
        if self.framing is None or extra is None:
            return image
        told = json.loads(extra)
        self.how[path] = told["how"]
        height = self.framing.size[0]
        return image[: told["num"] * height].reshape(told["num"], height, *image.shape[1:])

    def _told(self, path: Path, error: DataError) -> DataError:
        listed = self.listed.get(path)
        return told_of(error, f"It is listed in {listed}.") if listed else error

    def _check_quota(self) -> None:
        if len(self.bad) <= self.quota * self.num_photos:
            return
        first = next(iter(self.bad.values()))
        if self.num_photos == 1:
            raise first
        raise DataError(
            f"{len(self.bad)} of {self.num_photos} photos can't be read, the quota is "
            f"{100 * self.quota:g} %; the first: {first.what}",
            where=first.where,
            hint=(f"That one: {first.hint}\n  " if first.hint else "")
            + "--bad-image-quota 0.05 goes on with up to 5 % unreadable ones.",
        )

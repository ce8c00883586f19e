"""The photos to locate: read within limits, the unreadable ones counted."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from georet.contracts.running import Session
from georet.data.images import MAX_PIXELS, preprocess, read_image
from georet.embeddings import embed
from georet.errors import DataError, UsageError
from georet.identity import EncoderIdentity
from georet.sessions import BATCH
from georet.types import Floats, Pixels

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


@dataclass
class PhotoReader:
    """Reads photos as an encoder takes them; of ``num_photos`` the share ``quota`` may be bad.

    ``bad`` says for each unreadable photo what is wrong with it.
    """

    encoder: EncoderIdentity
    num_photos: int
    quota: float = 0.0
    max_pixels: int = MAX_PIXELS
    bad: dict[Path, DataError] = field(default_factory=dict)

    def read(self, paths: Sequence[Path]) -> dict[Path, Pixels]:
        """Return the readable ones of the photos, uint8[H, W, 3]; DataError beyond the quota."""
        with ThreadPoolExecutor(_READERS) as pool:
            results = dict(zip(paths, pool.map(self._read, paths), strict=True))
        self.bad |= {p: result for p, result in results.items() if isinstance(result, DataError)}
        self._check_quota()
        return {p: result for p, result in results.items() if not isinstance(result, DataError)}

    def _read(self, path: Path) -> Pixels | DataError:
        size, rule = self.encoder.size, self.encoder.resize_rule
        try:
            return read_image(path, size=size, rule=rule, max_pixels=self.max_pixels)
        except DataError as error:
            return error

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

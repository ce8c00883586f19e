"""The photos to locate: found in folders, read within limits, the unreadable ones counted."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from georet.contracts.running import Session
from georet.data.images import SUFFIXES, preprocess, read_image
from georet.embeddings import embed
from georet.errors import DataError
from georet.sessions import BATCH
from georet.types import Floats, Pixels

Photo = Path | Pixels
"""A file, or uint8[H, W, 3], RGB, of any size."""
_READERS: Final = 4


def find_photos(paths: Sequence[Path]) -> list[Path]:
    """Return the files named and, sorted, the images in the folders named, at any depth.

    A file that is named is taken whatever its suffix; one that comes up twice is taken once.
    DataError for what isn't there and for a folder without an image.
    """
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(_in_folder(path) if path.is_dir() else [_file(path)]))
    return list(found)


def _file(path: Path) -> Path:
    if not path.exists():
        raise DataError("no such photo", where=str(path), hint="Check the path.")
    return path


def _in_folder(folder: Path) -> list[Path]:
    images = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not images:
        raise DataError(
            "there is no image in this folder",
            where=str(folder),
            hint=f"Files are taken that end in {', '.join(SUFFIXES)}.",
        )
    return images


def embed_photos(photos: Sequence[Photo], session: Session) -> Floats:
    """Return embeddings float32[Q, D] of photos, read and embedded ``BATCH`` at a time.

    DataError for a file that can't be read.
    """
    size = session.identity.size
    parts = [np.empty((0, session.identity.embed_dim), np.float32)]
    for start in range(0, len(photos), BATCH):
        pixels = [
            read_image(photo, size=size) if isinstance(photo, Path) else preprocess(photo, size)
            for photo in photos[start : start + BATCH]
        ]
        parts.append(embed(session, np.stack(pixels)))
    return np.concatenate(parts)


@dataclass
class PhotoReader:
    """Reads photos at an encoder's size; of ``num_photos`` the share ``quota`` may be unreadable.

    ``bad`` says for each unreadable photo what is wrong with it.
    """

    size: tuple[int, int]
    num_photos: int
    quota: float = 0.0
    bad: dict[Path, DataError] = field(default_factory=dict)

    def read(self, paths: Sequence[Path]) -> dict[Path, Pixels]:
        """Return the readable ones of the photos, uint8[H, W, 3]; DataError beyond the quota."""
        with ThreadPoolExecutor(_READERS) as pool:
            results = dict(zip(paths, pool.map(self._read, paths), strict=True))
        self.bad |= {p: result for p, result in results.items() if isinstance(result, DataError)}
        self._check_quota()
        return {p: result for p, result in results.items() if not isinstance(result, DataError)}

    def _read(self, path: Path) -> Pixels | DataError:
        try:
            return read_image(path, size=self.size)
        except DataError as error:
            return error

    def _check_quota(self) -> None:
        if len(self.bad) <= self.quota * self.num_photos:
            return
        first = next(iter(self.bad.values()))
        if self.num_photos == 1:
            raise DataError(first.what, where=first.where)
        raise DataError(
            f"{len(self.bad)} of {self.num_photos} photos can't be read, the quota is "
            f"{100 * self.quota:g} %; the first: {first.what}",
            where=first.where,
            hint="--bad-image-quota 0.05 goes on with up to 5 % unreadable ones.",
        )

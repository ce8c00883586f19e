"""Folders of generated images: made once, complete or absent, checked whenever they are used."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2

from georet.errors import DataError, IntegrityError
from georet.files import MANIFEST, read_json, sha256_of, write_json
from georet.progress import progress

Maker = Callable[[int], bytes]
"""(row) -> an encoded image; may be called by several threads at once."""


@dataclass(frozen=True)
class Part:
    """A folder of images: image ``names[i]`` has the bytes ``prepare()(i)``, whoever makes it.

    ``prepare`` loads what is needed to make images. ``about`` says how they were made and is kept
    in the manifest, beside the size and SHA-256 of each image.
    """

    folder: Path
    names: Sequence[str]
    prepare: Callable[[], Maker]
    about: Mapping[str, object]
    of: str = "OrbitView"
    """The data set, in words."""

    def ensure(self, workers: int | None = None) -> None:
        """Generate the folder unless it is there, then check that all images are.

        Several processes may do this at once; one generates and the others wait. A kill leaves no
        folder, or a complete one.
        """
        if not self.folder.exists():
            workers, folder = workers or os.cpu_count() or 1, self.folder
            try:
                folder.parent.mkdir(parents=True, exist_ok=True)
                with locked(folder.with_name(f".{folder.name}.lock")):
                    if not folder.exists():
                        _fill(self, folder.with_name(f".{folder.name}.partial"), workers)
            except OSError as error:
                hint = "Free some space, or name another folder in GEORET_CACHE."
                raise DataError(
                    f"can't be written: {error.strerror or error}", where=str(folder), hint=hint
                ) from error
        self.check()

    def check(self) -> None:
        """Raise DataError or IntegrityError unless all images are there with their sizes."""
        listed = self._listed()
        with os.scandir(self.folder) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries}
        for name in self.names:
            if name not in sizes or name not in listed:
                raise DataError(
                    "this generated image is missing", where=self._at(name), hint=self._hint()
                )
            if sizes[name] != listed[name][0]:
                what = f"has {sizes[name]} bytes, {listed[name][0]} were written"
                raise IntegrityError(what, where=self._at(name), hint=self._hint())

    def verify(self) -> None:
        """Raise unless each image's SHA-256 is the one that was recorded; reads every byte."""
        self.check()
        for name, (_, sha256) in self._listed().items():
            if sha256_of(self.folder / name) != sha256:
                what = "is not the image that was generated: its SHA-256 differs"
                raise IntegrityError(what, where=self._at(name), hint=self._hint())

    def _listed(self) -> dict[str, tuple[int, str]]:
        """Return the size and SHA-256 of each image in the manifest."""
        try:
            files = read_json(self.folder / MANIFEST)["files"]
            return {name: (entry["bytes"], entry["sha256"]) for name, entry in files.items()}
        except (DataError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                "has no readable manifest", where=str(self.folder), hint=self._hint()
            ) from error

    def _at(self, name: str) -> str:
        return str(self.folder / name)

    def _hint(self) -> str:
        return f"Delete the folder {self.folder}; the next use generates it again."


def _fill(part: Part, partial: Path, workers: int) -> None:
    # Whoever holds the lock owns the partial folder; one that exists was left by a kill.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    make, title, num = part.prepare(), f"{part.of} {part.folder.name}", len(part.names)

    def write(row: int) -> dict[str, object]:
        content = make(row)
        (partial / part.names[row]).write_bytes(content)
        return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    with _one_thread_each(), ThreadPoolExecutor(workers) as pool:
        files = list(progress(pool.map(write, range(num)), title, num))
    named = dict(zip(part.names, files, strict=True))
    write_json(partial / MANIFEST, {**part.about, "count": num, "files": named})
    partial.rename(part.folder)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own for images this small."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` alone, waiting for it; the file may stay behind, empty."""
    from filelock import FileLock

    with FileLock(path):
        yield

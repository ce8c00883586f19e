"""Names for copies of images that keep an order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from georet.data.images import SUFFIXES
from georet.errors import DataError
from georet.progress import say
from georet.types import EvaluationSet
from georet_datasets.writers.tree import Copy, copy_images


class Copies:
    """Images to be copied below a folder; ``finish`` copies them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._copies: list[Copy] = []
        self._names: dict[str, dict[Path, str]] = {}

    def number(self, source: Path, folder: str) -> str:
        """Name an image's only copy in a folder by the next number; return its path in ``root``."""
        names = self._names.setdefault(folder, {})
        if source not in names:
            names[source] = self.put(source, f"{folder}/{len(names):06d}")
        return names[source]

    def put(self, source: Path, stem: str) -> str:
        """Name one more copy ``stem`` and the image's own suffix; return its path in ``root``."""
        suffix = source.suffix.lower()
        # Content decides how an image is decoded, but readers of folders look at the suffix.
        name = f"{stem}{suffix if suffix in SUFFIXES else '.jpg'}"
        self._copies.append(Copy(source, self.root / name))
        return name

    def finish(self) -> None:
        """Copy all images."""
        copy_images(self._copies)


def first_set(evaluations: Mapping[str, EvaluationSet], layout: str) -> EvaluationSet:
    """Return the one evaluation set that a layout has room for; the others are named on stderr."""
    if not evaluations:
        raise DataError(f"there is no evaluation set; layout {layout} needs one", where="dataset")
    first, *others = evaluations
    if others:
        left_out = ", ".join(others)
        say(f"warning: layout {layout} holds one evaluation set, {first}; left out: {left_out}")
    return evaluations[first]

"""Writing a tree of images and lists: what is there already is kept, the rest is copied."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from georet.data.images import read_image
from georet.errors import DataError
from georet.files import replaced_file, tidy_temporary, write_atomic
from georet.progress import progress, say
from georet.types import EvaluationSet, ImageTable, Ints, PairTable

_PNG: Final = b"\x89PNG\r\n\x1a\n"


class Copy(NamedTuple):
    """An image to be written at ``target``: as PNG where it is called so, else byte for byte."""

    source: Path
    target: Path


class Matched(NamedTuple):
    """Queries and references of which row i belongs to row i, under the name of a split."""

    split: str
    queries: ImageTable
    references: ImageTable


def copy_images(copies: Sequence[Copy]) -> None:
    """Write all images, in parallel; one that is there with its size is not copied again.

    They are not forced to disk one by one: whoever exports the tree does so at its end.
    """
    for folder in {copy.target.parent for copy in copies}:
        folder.mkdir(parents=True, exist_ok=True)
        tidy_temporary(folder)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in progress(pool.map(_write, copies), "images", len(copies)):
            pass


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a list, one entry a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, "".join(f"{line}\n" for line in lines))


def matched_pairs(pairs: PairTable, layout: str) -> Matched:
    """Return the training pairs in their order; DataError if a reference has several queries."""
    query, reference = pairs.pairs[:, 0], pairs.pairs[:, 1]
    _check_distinct(query, pairs.queries, "training pairs", layout)
    _check_distinct(reference, pairs.references, "training pairs", layout)
    return Matched("train", pairs.queries.take(query), pairs.references.take(reference))


def matched_set(split: str, name: str, which: EvaluationSet, layout: str) -> Matched:
    """Return an evaluation set's queries, and the gallery in their order.

    DataError unless each reference is the positive of one query: the layout can't hold others.
    """
    where = f"evaluation set {name!r}"
    rows = first_positives(which)
    if (rows < 0).any():
        raise DataError(
            f"{int((rows < 0).sum())} queries have no match; layout {layout} has none such",
            where=where,
        )
    _check_distinct(rows, which.gallery, where, layout)
    num_more = len(which.gallery) - len(rows)
    if num_more:
        raise DataError(
            f"{num_more} references have no query; layout {layout} has none such",
            where=where,
            hint="Choose another set with --evaluation, or --layout vigor.",
        )
    if any(np.size(positives) > 1 for positives in which.positives):
        say(f"warning: layout {layout} has no place for the semi-positives of {where}")
    return Matched(split, which.queries, which.gallery.take(rows))


def first_positives(which: EvaluationSet) -> Ints:
    """Return int64[Q]: each query's positive, -1 without."""
    first = [np.ravel(p)[0] if np.size(p) else -1 for p in which.positives]
    return np.array(first, dtype=np.int64)


def file_names(ids: Sequence[str], taken: set[str]) -> list[str]:
    """Return a file name's stem for each id, none of them in ``taken``, which grows by them."""
    names = []
    for text in ids:
        stem = name = re.sub(r"[^\w.+-]", "_", text).lstrip(".+-") or "_"
        number = 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        names.append(name)
    return names


def _write(copy: Copy) -> None:
    is_png = copy.target.suffix == ".png"
    try:
        if is_png and not _is_png(copy.source):
            pixels = np.ascontiguousarray(read_image(copy.source)[:, :, ::-1])
            with replaced_file(copy.target, synced=False) as partial:
                partial.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
            return
        size = copy.source.stat().st_size
        if not copy.target.exists() or copy.target.stat().st_size != size:
            with replaced_file(copy.target, synced=False) as partial:
                shutil.copyfile(copy.source, partial)
    except OSError as error:
        raise DataError(
            f"can't be copied to {copy.target}: {error.strerror}", where=str(copy.source)
        ) from error


def _is_png(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_PNG)) == _PNG


def _check_distinct(rows: Ints, table: ImageTable, where: str, layout: str) -> None:
    values, counts = np.unique(rows, return_counts=True)
    if (counts > 1).any():
        shared = table.ids[values[counts.argmax()]]
        raise DataError(
            f"{shared!r} belongs to {counts.max()} pairs; layout {layout} is 1:1",
            where=where,
            hint="--layout vigor takes several queries a reference.",
        )

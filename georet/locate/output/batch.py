"""Locating many photos: read, located and written down chunk by chunk, to be taken up again."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.files import sha256_of
from georet.locate.locator import Locator
from georet.locate.output.journal import Journal
from georet.locate.output.records import Record, record_of
from georet.locate.question import Question
from georet.photos.photos import PhotoReader
from georet.types import Floats, Pixels

CHUNK: Final = 64
HEAT: Final = "heat"


def locate_batch(
    locator: Locator,
    photos: Sequence[Path],
    question: Question,
    journal: Journal,
    *,
    quota: float = 0.0,
    num_heats: int = 0,
    advance: Callable[[int], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Locate the photos that the journal doesn't have yet, and add them to it.

    ``num_heats``: so many of the records get their heat over all tiles, for a page that shows it.
    ``advance`` is called with the number of photos done since; ``check`` after each chunk, it may
    raise to stop. DataError where more photos can't be read than ``quota`` allows.
    """
    reader = PhotoReader(
        locator.session.identity,
        len(photos),
        quota,
        max_pixels=locator.max_pixels,
        framing=None
        if question.cameras is None
        else locator.framing(question.cameras, fuse=question.fuse),
        cameras=question.cameras,
    )
    reader.bad |= {Path(name): DataError(why) for name, why in journal.unreadable().items()}
    left = [photo for photo in photos if str(photo) not in journal.done]
    advance(len(photos) - len(left))
    step = len(left) if question.fuse else CHUNK
    chunks = [left[start : start + step] for start in range(0, len(left), max(1, step))]
    with closing(reader.ahead(left, step)) as ahead:
        for chunk, images in zip(chunks, ahead, strict=True):
            left_heats = num_heats - journal.num_records
            how = {path: reader.how.pop(path, "") for path in images}
            records = _records(locator, images, how, question, left_heats) if images else []
            bad = {str(p): str(reader.bad[p].what) for p in chunk if p in reader.bad}
            journal.append(records, bad)
            advance(len(chunk))
            check()


def heat_in(record: Mapping[str, Any], num_tiles: int) -> Floats | None:
    """Return the heat float32[R] that a record holds, in 255 steps, or None."""
    if HEAT not in record:
        return None
    packed = zlib.decompress(base64.b64decode(record[HEAT]))
    return np.frombuffer(packed, np.uint8, num_tiles).astype(np.float32) / np.float32(255)


def _records(
    locator: Locator,
    images: Mapping[Path, Pixels],
    how: Mapping[Path, str],
    question: Question,
    num_heats: int,
) -> list[tuple[list[str], Record]]:
    """Return the photos and the record of each place; the first ``num_heats`` get their heat."""
    together = [list(images)] if question.fuse else [[path] for path in images]
    found: list[tuple[list[str], Record]] = []
    located = locator.answer(question, images, how=how)
    for location, paths in zip(located, together, strict=True):
        record = record_of(location, [sha256_of(path) for path in paths])
        record["photos"] = [str(path) for path in paths]
        if len(found) < num_heats and len(location.heat):
            steps = np.round(255 * location.heat).astype(np.uint8)
            record[HEAT] = base64.b64encode(zlib.compress(steps.tobytes(), 6)).decode("ascii")
        found.append(([str(path) for path in paths], record))
    return found

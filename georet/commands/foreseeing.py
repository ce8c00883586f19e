"""``--dry-run``: what a long command would do and take, by a few pieces of it that are measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from georet.contracts.running import Session
from georet.flights.flying import Pilot
from georet.locate.locator import Locator
from georet.locate.question import Question
from georet.page.readable import count, megabytes, seconds
from georet.photos.known import KnownPhotos
from georet.photos.photos import PhotoReader, embed_photos
from georet.progress import echo
from georet.types import ImageTable

if TYPE_CHECKING:
    # Commands that need no torch don't load it for this.
    from georet.evaluate.embed import Embedder

Piece = TypeVar("Piece")
FEW: Final = 4
IMAGES: Final = 64


def seconds_each(
    work: Callable[[Sequence[Piece]], object], pieces: Sequence[Piece], most: int = FEW
) -> float:
    """Return the seconds that one piece takes, by at most ``most`` of them; 0 without any.

    The first piece is worked twice and measured once: what is loaded for it isn't counted again.
    """
    some = pieces[:most]
    if not len(some):
        return 0.0
    work(some[:1])
    begun = time.perf_counter()
    work(some)
    return (time.perf_counter() - begun) / len(some)


def foretell(
    facts: Mapping[str, str], parts: Mapping[str, float], measured: str, *, writes: Sequence[Path]
) -> None:
    """Print what would be done, how long each part takes in seconds, and what would be written.

    ``measured`` says by what it is known.
    """
    rows = dict(facts)
    rows |= {name: f"about {seconds(value)}" for name, value in parts.items()}
    if len(parts) > 1:
        rows["in all"] = f"about {seconds(sum(parts.values()))}"
    rows["would write"] = ", ".join(map(str, writes)) or "nothing"
    rows["measured"] = f"{measured}; nothing was written"
    width = max(map(len, rows))
    for name, value in rows.items():
        echo(f"{name:<{width}}  {value}")


def foresee_embedding(
    embedder: Embedder,
    tables: Sequence[tuple[str, ImageTable]],
    facts: Mapping[str, str],
    *,
    writes: Sequence[Path],
    more: Mapping[str, float] | None = None,
) -> None:
    """Foretell that all images of the tables, each with its view, are read and embedded."""
    view, table = max(tables, key=lambda each: len(each[1]))
    rows = range(min(len(table), IMAGES))
    small = replace(embedder, batch_size=max(1, min(embedder.batch_size, len(rows))))
    each_s = seconds_each(
        lambda some: small.table(view, table.take(np.asarray(some))), rows, IMAGES
    )
    num = sum(len(one) for _, one in tables)
    told = {**facts, "images": count(num)}
    parts = {"embedding": each_s * num, **(more or {})}
    foretell(told, parts, f"{len(rows)} images, {1 / each_s:,.0f} images/s", writes=writes)


def foresee_locating(
    locator: Locator, photos: Sequence[Path], question: Question, writes: Sequence[Path]
) -> None:
    """Foretell that photos are located, a refiner and a re-ranker included."""

    def work(some: Sequence[Path]) -> object:
        return locator.locate(
            list(some), k=question.k, region=question.region, cameras=question.cameras
        )

    each_s = seconds_each(work, photos)
    size = sum(photo.stat().st_size for photo in photos)
    facts = {
        "photos": f"{count(len(photos))}, {megabytes(size)}",
        "tiles": count(len(locator.gallery.tiles)),
    }
    parts = {"locating": each_s * len(photos)}
    measured = f"{min(FEW, len(photos))} photos, {each_s:.2g} s each"
    foretell(facts, parts, measured, writes=writes)


def foresee_tracking(
    pilot: Pilot, frames: Sequence[int], look: Callable[[Sequence[int]], object],
    writes: Sequence[Path],
) -> None:  # fmt: skip
    """Foretell that a flight's frames are looked at; filtering and refining come on top of it."""
    each_s = seconds_each(look, frames)
    facts = {
        "frames": count(len(frames)),
        "tiles": count(len(pilot.locator.gallery.tiles)),
        "filter": type(pilot.tracker).__name__,
    }
    more = " and refining" if pilot.locator.refiner is not None else ""
    measured = f"{min(FEW, len(frames))} frames, {each_s:.2g} s each; filtering{more} not measured"
    foretell(facts, {"looking": each_s * len(frames)}, measured, writes=writes)


def foresee_calibrating(
    session: Session,
    known: KnownPhotos,
    seeds: int,
    parts: Mapping[str, float],
    more: str,
    writes: Sequence[Path],
) -> None:
    """Foretell that photos with known places are embedded, and radii fitted to them.

    ``parts`` are the seconds that other parts take, ``more`` says how these are known.
    """
    reader = PhotoReader(session.identity, len(known.paths), 0.0)

    def work(some: Sequence[Path]) -> object:
        images = next(iter(reader.ahead(list(some), len(some))))
        return embed_photos([one[0] if one.ndim == 4 else one for one in images.values()], session)

    each_s = seconds_each(work, known.paths)
    facts = {
        "photos": f"{count(len(known.paths))} with known places ({known.about})",
        "fits": f"{seeds} on halves, one on all",
    }
    measured = f"{min(FEW, len(known.paths))} photos, {each_s:.2g} s each; {more}"
    foretell(facts, {"embedding": each_s * len(known.paths), **parts}, measured, writes=writes)

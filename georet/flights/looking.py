"""The first pass over a flight: each frame is read, embedded, and compared with the one before."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np

from georet.contracts.running import Session
from georet.errors import DataError
from georet.flights.films import Film
from georet.flights.odometry import Glance, Sketch, glance
from georet.locate.output.journal import Journal
from georet.photos.framing import Framing
from georet.photos.photos import embed_views
from georet.types import Floats, Pixels

CHUNK: Final = 32
"""So many frames are embedded together, and kept together: a flight that goes on after a kill
embeds the same frames in the same batches, so the bits are the same."""
_BLANK, _BLANK_PX = 2.0, 48
"""Frames whose detail varies by less (of 255): frames over ground were above 4.9, clouds below 1.3.
"""
BLANK, _UNREADABLE = "nothing is seen", "can't be read"


@dataclass(frozen=True)
class Look:
    """What is kept of a frame: the embeddings float32[V, D] of its views, and what it tells of the
    way to it. ``problem`` says why it shows nothing; it then has no views.
    """

    views: Floats
    glance: Glance | None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return JSON values that keep every bit."""
        return {
            "views": base64.b64encode(self.views.astype("<f4").tobytes()).decode("ascii"),
            "num": len(self.views),
            "glance": None if self.glance is None else self.glance.as_json(),
            "problem": self.problem,
        }

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> Look:
        """Return a look of its JSON values."""
        flat = np.frombuffer(base64.b64decode(values["views"]), "<f4")
        views = flat.reshape(values["num"], -1) if values["num"] else flat.reshape(0, 1)
        return cls(views.astype(np.float32), Glance.of_json(values["glance"]), values["problem"])


@dataclass
class Looker:
    """Looks at frames one after the other; ``last`` is the sketch of the one before."""

    film: Film
    framing: Framing
    session: Session
    turns_photos: bool = True
    last: Sketch | None = field(default=None)

    def look(self, first: int, images: Sequence[Pixels | DataError]) -> list[Look]:
        """Return what is kept of the frames from ``first`` on."""
        views: list[Pixels] = []
        told: list[tuple[Glance | None, str]] = []
        for at, image in enumerate(images, first):
            if isinstance(image, DataError):
                told.append((None, f"{_UNREADABLE}: {image.what}"))
                self.last = None
                continue
            told.append((self._glance(at, image), BLANK if is_blank(image) else ""))
            if not told[-1][1]:
                facts = self.film.shots[at].facts
                views.append(self._views(image, facts))
        embedded = iter(embed_views(views, self.session))
        nothing = np.empty((0, 1), np.float32)
        return [
            Look(nothing if problem else next(embedded), seen, problem) for seen, problem in told
        ]

    def _views(self, image: Pixels, facts: Any) -> Pixels:
        if not self.turns_photos:
            facts = type(facts)()
        return self.framing.views(image, facts).pixels

    def _glance(self, at: int, image: Pixels) -> Glance | None:
        shots, before = self.film.shots, self.last
        self.last = Sketch.of(image)
        if not at or before is None or shots[at].place_m is not None:
            return None
        return glance(before, self.last, shots[at - 1].facts)


def look_at_all(
    looker: Looker, journal: Journal, advance: Callable[[int], None], check: Callable[[], None]
) -> None:
    """Look at the frames that the journal doesn't hold yet, ``CHUNK`` at a time."""
    num = len(looker.film.shots)
    for start in range(0, num, CHUNK):
        stop = min(start + CHUNK, num)
        if _key(start) in journal.done:
            advance(stop - start)
            continue
        looker.last = None
        # What the first frame tells of the one before it: that one is read once more.
        ahead = looker.film.read(max(0, start - 1), stop)
        images = list(ahead)
        if start and not isinstance(images[0], DataError):
            looker.last = Sketch.of(images[0])
        looks = looker.look(start, images[1:] if start else images)
        record = {"looks": [look.as_json() for look in looks]}
        journal.append([([_key(start)], record)], {})
        advance(stop - start)
        check()


def looks_in(journal: Journal) -> Iterator[Look]:
    """Yield what the journal holds of each frame, in order."""
    for record in journal.records():
        for values in record["looks"]:
            yield Look.of_json(values)


def is_blank(image: Pixels) -> bool:
    """Return whether a frame uint8[H, W, 3] shows nothing: night, a lens cap, a cloud.

    What is left of it, 48 pixels wide, once its broad brightness is taken away, hardly varies.
    """
    rows, columns = image.shape[:2]
    scale = min(1.0, _BLANK_PX / max(rows, columns))
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    # Small, so that a sensor's noise in the dark is averaged out.
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).mean(axis=2)
    return float((small - cv2.GaussianBlur(small, (0, 0), 1.5)).std()) < _BLANK


def _key(start: int) -> str:
    return f"frames from {start}"

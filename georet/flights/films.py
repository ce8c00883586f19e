"""What a flight is made of: photos of a folder, or frames of a video, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np

from georet.data.images import MAX_PIXELS, read_image
from georet.errors import DataError
from georet.flights.sampling import ALL, Every, chosen
from georet.photos.camera.cameras import Cameras
from georet.photos.camera.facts import CameraFacts
from georet.photos.finding import find_photos
from georet.types import Doubles, Pixels

VIDEOS: Final = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".ts", ".mpg", ".mpeg")
_USUAL: Final = Every(1.0, "s")


@dataclass(frozen=True)
class Shot:
    """One frame: its name, when it was taken, and what is known of its camera.

    ``second`` counts from the beginning of the video, or from the first photo; ``photo`` is its
    file, None of a video's frame.
    """

    name: str
    second: float | None
    facts: CameraFacts
    photo: Path | None = None

    @property
    def place_m(self) -> Doubles | None:
        """Where odometry says it is, metres east and north [2]; None where it says nothing."""
        east, north = self.facts.east_m, self.facts.north_m
        return None if east is None or north is None else np.array([east.value, north.value])


def looked_up(shots: Sequence[Shot]) -> list[Path | float]:
    """Return by what telemetry is asked about each frame: its file, or its second of a video."""
    return [shot.second or 0.0 if shot.photo is None else shot.photo for shot in shots]


class Film(Protocol):
    """The frames of a flight."""

    shots: Sequence[Shot]

    def read(self, first: int, last: int) -> Iterator[Pixels | DataError]:
        """Yield frames ``first`` to ``last`` - 1, uint8[H, W, 3], or why one can't be read."""

    def fingerprint(self) -> Any:
        """Return JSON values that tell when the files are others."""


def is_video(path: Path) -> bool:
    """Return whether a path names a video, by its suffix."""
    return path.suffix.lower() in VIDEOS


def film_of(
    paths: Sequence[Path],
    cameras: Cameras,
    *,
    every: Every | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Film:
    """Return the frames of one video, or of photos and folders; DataError where there are none."""
    videos = [path for path in paths if is_video(path) and not path.is_dir()]
    if not videos:
        return Photos(paths, cameras, every or ALL, max_pixels)
    if len(paths) > 1:
        raise DataError(
            "is one flight; of several files all must be photos",
            where=str(videos[0]),
            hint="Track one video at a time.",
        )
    return Video(videos[0], cameras, every or _USUAL)


class Photos:
    """Photos in the order in which they were taken: by telemetry, by EXIF, else by name."""

    def __init__(
        self, paths: Sequence[Path], cameras: Cameras, every: Every, max_pixels: int
    ) -> None:
        photos = find_photos(paths)
        told = [cameras.of(photo) for photo in photos]
        times = [_taken_s(facts) for facts in told]
        order = list(range(len(photos)))
        if all(time is not None for time in times):
            # Python's sort is stable: photos of one second stay in the order of their names.
            order.sort(key=lambda at: float(times[at] or 0.0))
            start = min(float(time or 0.0) for time in times)
        else:
            times, start = [None] * len(photos), 0.0
        shots = []
        for at in order:
            time = times[at]
            second = None if time is None else time - start
            shots.append(Shot(str(photos[at]), second, told[at], photos[at]))
        kept = chosen(every, [s.second for s in shots], [s.place_m for s in shots])
        self.shots: Sequence[Shot] = [shots[at] for at in kept]
        self._max_pixels = max_pixels

    def read(self, first: int, last: int) -> Iterator[Pixels | DataError]:
        """Yield photos, or why one can't be read."""
        for shot in self.shots[first:last]:
            assert shot.photo is not None
            try:
                yield read_image(shot.photo, max_pixels=self._max_pixels)
            except DataError as error:
                yield error

    def fingerprint(self) -> Any:
        """Return each photo's name, size and second."""
        return [
            [shot.name, shot.photo.stat().st_size if shot.photo else 0, shot.second]
            for shot in self.shots
        ]


class Video:
    """Frames of a video that OpenCV can read; seconds are counted by its frame rate."""

    def __init__(self, path: Path, cameras: Cameras, every: Every) -> None:
        self.path = path
        if not path.is_file():
            raise DataError("no such video", where=str(path), hint="Check the path.")
        film = self._open()
        rate, num = film.get(cv2.CAP_PROP_FPS), int(film.get(cv2.CAP_PROP_FRAME_COUNT))
        size = int(film.get(cv2.CAP_PROP_FRAME_WIDTH)), int(film.get(cv2.CAP_PROP_FRAME_HEIGHT))
        film.release()
        if not (0 < rate < 1e5) or num < 1:
            raise DataError(
                "tells neither its frame rate nor its length",
                where=str(path),
                hint="ffmpeg -i VIDEO -c copy other.mp4 writes them anew.",
            )
        seconds: list[float | None] = [at / rate for at in range(num)]
        told = [cameras.at(at / rate, size) for at in range(num)] if every.unit == "m" else None
        places = [None if told is None else _place_m(told[at]) for at in range(num)]
        self._numbers = chosen(every, seconds, places)
        self.shots: Sequence[Shot] = [
            Shot(f"{path}#t={at / rate:.3f}", at / rate, cameras.at(at / rate, size))
            for at in self._numbers
        ]

    def read(self, first: int, last: int) -> Iterator[Pixels | DataError]:
        """Yield frames; those behind the last that can be decoded are errors."""
        film, at = self._open(), 0
        try:
            for number in self._numbers[first:last]:
                # Seeking lands on key frames or beside them, differently in each container; going
                # through all frames is exact.
                while at < number and film.grab():
                    at += 1
                is_read, image = film.read() if at == number else (False, None)
                at += 1
                if not is_read or image is None:
                    yield DataError("the video can't be decoded here", where=str(self.path))
                else:
                    yield np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
        finally:
            film.release()

    def fingerprint(self) -> Any:
        """Return the file's name and size, and the frames that are looked at."""
        return [str(self.path), self.path.stat().st_size, self._numbers]

    def _open(self) -> cv2.VideoCapture:
        film = cv2.VideoCapture(str(self.path))
        if not film.isOpened():
            raise DataError(
                "is no video that can be read",
                where=str(self.path),
                hint="ffmpeg -i VIDEO frames/%05d.jpg makes photos of it, which a folder holds.",
            )
        return film


def _place_m(facts: CameraFacts) -> Doubles | None:
    return Shot("", None, facts).place_m


def _taken_s(facts: CameraFacts) -> float | None:
    """Return when a photo was taken, by telemetry or else by its EXIF, in seconds of any start."""
    if facts.time_s is not None:
        return facts.time_s.value
    whole, _, fraction = facts.taken_at.partition(".")
    try:
        taken = datetime.strptime(f"{whole}.{fraction[:6] or '0'}", "%Y:%m:%d %H:%M:%S.%f")
    except ValueError:
        return None
    # Which zone doesn't matter: only differences are used.
    return taken.replace(tzinfo=UTC).timestamp()

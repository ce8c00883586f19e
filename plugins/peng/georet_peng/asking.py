"""What ``georet peng locate`` is asked: files or ids of photos, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from georet.data.images import read_image
from georet.errors import DataError, UsageError
from georet.plugins import Selection
from georet.suggest import did_you_mean
from georet.types import EvaluationSet, Pixels
from georet_peng.city.canvas import canvas_of, is_canvas
from georet_peng.city.graph import CityGraph
from georet_peng.city.layout import read_graph
from georet_peng.dataset import Cities
from georet_peng.locating import Truth

_HEIGHT = 192


class Photo(NamedTuple):
    """A photo's canvas uint8[H, 2H, 3]; ``heading_deg`` is that of its middle, None: unknown."""

    name: str
    canvas: Pixels
    heading_deg: float | None
    truth: Truth | None


def cities_of(run: Path, selection: Selection) -> Cities:
    """Return the data set of a run; UsageError if it is none of city graphs."""
    from georet.train import setup
    from georet.train.run import check_run, reconfigure

    config, loaded = reconfigure(check_run(run), selection=selection)
    found: Any = setup.make_dataset(config, loaded, run)
    if not isinstance(found, Cities):
        raise UsageError(
            f"was trained on {config.dataset.name}, which is no data set of city graphs",
            where=str(run),
            hint="georet train --recipe peng/cityblocks",
        )
    return found


@dataclass(frozen=True)
class Question:
    """The city that is searched, and what the command line says of files."""

    cities: Cities
    folder: Path | None
    fov_deg: float | None
    heading_deg: float | None

    @cached_property
    def graph(self) -> CityGraph:
        """The city in ``folder``, or the one that judged the run."""
        return self.cities.city if self.folder is None else read_graph(self.folder)

    def photo(self, name: str) -> Photo:
        """Return a file, or what the evaluation sets of the run's data set call by that id."""
        if Path(name).is_file():
            return self._file(Path(name))
        if self.folder is not None:
            raise DataError("no such file", where=name)
        for title, judged in self._sets.items():
            if name in self._rows[title]:
                return _judged(judged, self._rows[title][name], "unknown" not in title)
        every = [known for rows in self._rows.values() for known in rows]
        hint = did_you_mean(name, every) or f"The data set has {every[0]!r}, for example."
        raise DataError("is neither a file nor a photo of the data set", where=name, hint=hint)

    def _file(self, path: Path) -> Photo:
        image = read_image(path)
        if not is_canvas(image):
            if self.fov_deg is None:
                height, width = image.shape[:2]
                raise UsageError(
                    f"is {width} x {height} pixels, a panorama is twice as wide as high",
                    where=str(path),
                    hint="Say how many degrees its width spans: --fov 72",
                )
            image = canvas_of(image, self.fov_deg, _HEIGHT)
        return Photo(path.name, image, self.heading_deg, None)

    @cached_property
    def _sets(self) -> dict[str, EvaluationSet]:
        return dict(self.cities.evaluations())

    @cached_property
    def _rows(self) -> dict[str, dict[str, int]]:
        return {
            title: {name: row for row, name in enumerate(judged.queries.ids)}
            for title, judged in self._sets.items()
        }


def _judged(judged: EvaluationSet, row: int, is_north_known: bool) -> Photo:
    photos = judged.queries
    assert photos.latlon is not None
    assert photos.heading_deg is not None
    latlon, heading_deg = photos.latlon[row], float(photos.heading_deg[row])
    truth = Truth((float(latlon[0]), float(latlon[1])), heading_deg)
    image = read_image(photos.paths[row])
    known = heading_deg if is_north_known and np.isfinite(heading_deg) else None
    return Photo(photos.ids[row], image, known, truth)

"""The checks of sources, refiners, trackers and outputs find the mistakes that authors make."""

from __future__ import annotations

import itertools
import sys

import cv2
import numpy as np
import pytest

from georet.contracts.refining import Refinement
from georet.contracts.tracking import Fix
from georet.errors import MissingExtraError
from georet.plugins import load_plugins
from georet.testing import check_output, check_refiner, check_source, check_tracker
from georet.testing.drawn_tiles import DrawnTiles


class Shift:
    """Phase correlation: north up, one scale."""

    max_candidates = 5
    least = 0.3

    def __call__(self, photo, tiles):
        found = [self.on(photo, tile, number) for number, tile in enumerate(tiles)]
        best = max(found, key=lambda one: one.inliers, default=Refinement.refused("no tiles"))
        return best if best.inliers >= 100 * self.least else Refinement.refused("no tile fits")

    def on(self, photo, tile, number):
        size = tile.patch.image.shape[1::-1]
        images = (cv2.resize(photo, size), tile.patch.image)
        greys = [np.float32(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)) for image in images]
        shift, response = cv2.phaseCorrelate(*greys)
        (place,) = tile.patch.latlon_of(np.array([size]) / 2 + self.signed(np.array(shift)))
        return Refinement(
            latlon=self.ordered(float(place[0]), float(place[1])),
            covariance_m2=np.eye(2),
            heading_deg=0.0,
            inliers=max(0, int(100 * response)),
            tile=number,
        )

    def signed(self, shift):
        return shift

    def ordered(self, latitude, longitude):
        return latitude, longitude


class WrongSide(Shift):
    def signed(self, shift):
        return -shift


class LongitudeFirst(Shift):
    def ordered(self, latitude, longitude):
        return longitude, latitude


class NeverRefuses(Shift):
    least = 0.0


class Looks(Shift):
    max_candidates = 0


class WritesOver(Shift):
    def __call__(self, photo, tiles):
        answer = super().__call__(photo, tiles)
        photo[:] = 0
        return answer


class RemembersPhotos(Shift):
    numbers = itertools.count()

    def __call__(self, photo, tiles):
        found = super().__call__(photo, tiles)
        more = next(self.numbers)
        return Refinement(**{**vars(found), "inliers": found.inliers + more})


class ReturnsAPlace(Shift):
    def __call__(self, photo, tiles):
        return (47.0, 8.0)


class HeadsWest(Shift):
    def __call__(self, photo, tiles):
        found = super().__call__(photo, tiles)
        return Refinement(**{**vars(found), "heading_deg": 270.0})


REFINERS = {
    WrongSide: "from the truth",
    LongitudeFirst: "from the truth",
    NeverRefuses: "was placed",
    Looks: "max_candidates is 0",
    WritesOver: "changes the photo",
    RemembersPhotos: "answers differ",
    ReturnsAPlace: "returned a tuple",
    HeadsWest: "the heading is 270",
}


def test_a_sound_refiner_passes():
    check_refiner(Shift)


@pytest.mark.parametrize("refiner", REFINERS, ids=lambda made: made.__name__)
def test_a_refiners_mistake_is_found(refiner):
    with pytest.raises(AssertionError, match=REFINERS[refiner]):
        check_refiner(refiner)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "must be given"),
        ({"latlon": (95.0, 0.0)}, "no place on Earth"),
        (
            {"latlon": (5.0, 0.0), "covariance_m2": np.array([[1, 2], [2, 1.0]])},
            "positive definite",
        ),
        ({"latlon": (5.0, 0.0), "covariance_m2": np.eye(3)}, "2 x 2"),
        ({"latlon": (5.0, 0.0), "covariance_m2": np.eye(2), "inliers": -1}, "inliers"),
    ],
)
def test_a_refinement_that_makes_no_sense_cannot_be_made(values, said):
    whole = {"covariance_m2": np.eye(2), "tile": 0} if "latlon" in values else {}
    with pytest.raises(ValueError, match=said):
        Refinement(**{**whole, **values})


class Best:
    def __call__(self, ground, frames):
        return [self.fix(ground, frame) for frame in frames]

    def fix(self, ground, frame):
        latitude, longitude = ground.latlon[frame.rows[0]]
        return Fix((float(latitude), float(longitude)), 200.0 * np.eye(2))


class TakesScoresForRows(Best):
    def fix(self, ground, frame):
        latitude, longitude = ground.latlon[int(np.argmax(frame.scores))]
        return Fix((float(latitude), float(longitude)), np.eye(2))


class SkipsFrames(Best):
    def __call__(self, ground, frames):
        return super().__call__(ground, frames[1:])


class SortsInPlace(Best):
    def fix(self, ground, frame):
        fix = super().fix(ground, frame)
        frame.scores.sort()
        return fix


class Wavers(Best):
    numbers = itertools.count(1)

    def fix(self, ground, frame):
        return Fix(super().fix(ground, frame).latlon, float(next(self.numbers)) * np.eye(2))


TRACKERS = {
    TakesScoresForRows: "median error",
    SkipsFrames: "20 frames gave 19 fixes",
    SortsInPlace: "changes what it is given",
    Wavers: "answers differ",
}


def test_a_sound_tracker_passes():
    check_tracker(Best)


@pytest.mark.parametrize("tracker", TRACKERS, ids=lambda made: made.__name__)
def test_a_trackers_mistake_is_found(tracker):
    with pytest.raises(AssertionError, match=TRACKERS[tracker]):
        check_tracker(tracker)


class Drawn:
    tiles = DrawnTiles(5)

    @staticmethod
    def matches(text):
        return text == "drawn"

    def open(self, text, tiling):
        return self.tiles


class MatchesAll(Drawn):
    @staticmethod
    def matches(text):
        return True


class MatchesByInstance(Drawn):
    def matches(self, text):
        return text == "drawn"


class OpensNothing(Drawn):
    tiles = None


class Grey(DrawnTiles):
    def read(self, row):
        return super().read(row)[:, :, 0]


class OpensGrey(Drawn):
    tiles = Grey(5)


class Changing(DrawnTiles):
    numbers = itertools.count()

    def read(self, row):
        return np.full((4, 4, 3), next(self.numbers) % 256, np.uint8)


class OpensChanging(Drawn):
    tiles = Changing(5)


class Undescribed(DrawnTiles):
    def describe(self):
        return {"tiling": (1, 2)}


class OpensUndescribed(Drawn):
    tiles = Undescribed(5)


SOURCES = {
    MatchesAll: "no:such/thing",
    MatchesByInstance: "method of an instance",
    OpensNothing: "returned a NoneType",
    OpensGrey: r"came as uint8\[40, 40\]",
    OpensChanging: "other tiles or pixels",
    OpensUndescribed: "what JSON can't keep",
}


def test_a_sound_source_passes():
    assert len(check_source(Drawn, "drawn").tiles()) == 5


@pytest.mark.parametrize("source", SOURCES, ids=lambda made: made.__name__)
def test_a_sources_mistake_is_found(source):
    with pytest.raises(AssertionError, match=SOURCES[source]):
        check_source(source, "drawn")


class Lines:
    suffixes = (".txt",)

    def write(self, path, located):
        lines = [f"{one['latitude']} {one['photo']}" for one in located.records()]
        path.write_text("\n".join(lines), encoding="utf-8")


class NoDot(Lines):
    suffixes = ("txt",)


class WritesElsewhere(Lines):
    def write(self, path, located):
        super().write(path.with_suffix(".tmp"), located)


class OnlyTheFirst(Lines):
    def write(self, path, located):
        path.write_text(next((one["photo"] for one in located.records()), ""), encoding="utf-8")


class Clock(Lines):
    numbers = itertools.count()

    def write(self, path, located):
        super().write(path, located)
        path.write_text(f"{path.read_text(encoding='utf-8')}{next(self.numbers)}", encoding="utf-8")


class Pops(Lines):
    def write(self, path, located):
        super().write(path, located)
        for record in located.records():
            record.pop("photo")


OUTPUTS = {
    NoDot: "suffixes is",
    WritesElsewhere: "no file was written",
    OnlyTheFirst: "another number of photos",
    Clock: "other bytes",
    Pops: "are changed",
}


def test_a_sound_output_passes():
    assert "näive" in check_output(Lines)[".txt"].decode()


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda made: made.__name__)
def test_an_outputs_mistake_is_found(output):
    with pytest.raises(AssertionError, match=OUTPUTS[output]):
        check_output(output)


@pytest.mark.parametrize("name", ["json", "geojson", "csv", "parquet"])
def test_georets_own_outputs_keep_the_contract(name):
    catalog = load_plugins(["none"]).catalog
    check_output(lambda: catalog.create("outputs", name))


def test_an_output_that_needs_a_package_says_which_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    catalog = load_plugins(["none"]).catalog
    with pytest.raises(MissingExtraError, match="pyarrow"):
        check_output(lambda: catalog.create("outputs", "parquet"))

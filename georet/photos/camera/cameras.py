"""The cameras of a batch of photos: what the user says, then telemetry, then each photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypedDict

from georet.errors import DataError, UsageError
from georet.files import sha256_of
from georet.photos.camera.facts import (
    CameraFacts,
    ReadingError,
    checked_fov,
    checked_height,
)
from georet.photos.camera.lens import focal_of_35mm, fov_of_focal, preset
from georet.photos.camera.photo import camera_facts
from georet.photos.camera.telemetry import Telemetry, read_telemetry

_MOST_KNOWN: Final = 1024


@dataclass(frozen=True)
class Cameras:
    """Tells each photo's camera, and how many rotations are tried where its heading is unknown.

    ``rotations`` None: as many as the gallery wants tried.
    ``given`` holds for all photos and comes first, ``telemetry`` second, the photo's own words
    last. ``model`` is a preset, whose field of view depends on the photo's shape. Without
    ``turns_photos`` photos are embedded as they are, and only refiners are told.
    """

    given: CameraFacts = field(default_factory=CameraFacts)
    telemetry: Telemetry | None = None
    model: str | None = None
    rotations: int | None = None
    turns_photos: bool = True
    _known: dict[Path, CameraFacts] = field(default_factory=dict, repr=False, compare=False)

    def of(self, photo: Path) -> CameraFacts:
        """Return what is known of a photo's camera; what is given for a file that is no photo."""
        if photo not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[photo] = self._read(photo)
        return self._known[photo]

    def at(self, second: float, size: tuple[int, int]) -> CameraFacts:
        """Return what is known of the camera of a video's frame, ``size`` pixels wide and high."""
        told = CameraFacts(size=size)
        if self.model is not None:
            focal = focal_of_35mm(preset(self.model).focal_35mm, size)
            told = told.given("--camera", fov_deg=fov_of_focal(focal, size[0]))
        row = None if self.telemetry is None else self.telemetry.at(second)
        return self.given.over(told if row is None else row.over(told))

    def _read(self, photo: Path) -> CameraFacts:
        try:
            own = camera_facts(photo)
        except DataError:
            return self.given
        told = own
        if self.model is not None and own.size is not None:
            focal = focal_of_35mm(preset(self.model).focal_35mm, own.size)
            told = told.given("--camera", fov_deg=fov_of_focal(focal, own.size[0]))
        row = None if self.telemetry is None else self.telemetry.for_photo(photo)
        return self.given.over(told if row is None else row.over(told))

    def as_json(self) -> dict[str, Any]:
        """Return JSON values that say what was told, by which a batch is taken up again."""
        given = {name: reading.value for name, reading in self.given.readings()}
        table = None if self.telemetry is None else sha256_of(self.telemetry.path)
        return {
            "given": given,
            "camera": self.model,
            "telemetry_sha256": table,
            "rotations": self.rotations,
            "turns_photos": self.turns_photos,
        }


class CameraOptions(TypedDict, total=False):
    """What may be told of the camera of all photos: ``cameras_of`` without telemetry."""

    heading: float
    height: float
    tilt: float
    roll: float
    fov: float
    camera: str
    rotations: int
    turns_photos: bool


def cameras_of(
    *,
    heading: float | None = None,
    height: float | None = None,
    tilt: float | None = None,
    roll: float | None = None,
    fov: float | None = None,
    camera: str | None = None,
    telemetry: Path | None = None,
    rotations: int | None = None,
    turns_photos: bool = True,
) -> Cameras:
    """Return the cameras that a call's options tell, angles in degrees and heights in metres.

    UsageError, with the option, for what can't be.
    """
    for name, value, least, most in (
        ("--heading", heading, -360.0, 360.0),
        ("--tilt", tilt, 0.0, 180.0),
        ("--roll", roll, -180.0, 180.0),
    ):
        if value is not None and not least <= value <= most:
            hint = "0 is straight down, 90 the horizon." if name == "--tilt" else None
            what = f"{value:g} is not in {least:g}..{most:g} degrees"
            raise UsageError(what, where=name, hint=hint)
    for name, value, check in (("--height", height, checked_height), ("--fov", fov, checked_fov)):
        try:
            if value is not None:
                check(value)
        except ReadingError as error:
            raise UsageError(str(error), where=name) from None
    if rotations is not None and not 1 <= rotations <= 36:
        raise UsageError(f"is {rotations}", where="--rotations", hint="Give 1 to 36.")
    if camera is not None:
        preset(camera)
    given = CameraFacts().given(
        "given",
        heading_deg=None if heading is None else heading % 360.0,
        tilt_deg=tilt,
        roll_deg=roll,
        height_m=height,
        fov_deg=fov,
    )
    table = None if telemetry is None else read_telemetry(telemetry)
    return Cameras(given, table, camera, rotations, turns_photos)

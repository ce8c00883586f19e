"""What is asked of photos: how many candidates, where to look, and what is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from georet.errors import UsageError
from georet.ground.region import Region
from georet.locate.prior import Prior
from georet.photos.camera.cameras import Cameras
from georet.photos.gps import exif_latlon

Priors = Prior | Sequence[Prior | None] | None
"""One for all photos, or one each."""


@dataclass(frozen=True)
class Question:
    """What is asked of every photo, with ``k`` candidates wanted; UsageError for k < 1.

    ``region`` leaves out all tiles outside it, ``prior`` makes what is near likelier.
    ``gps_radius_m``: a photo's own EXIF position is taken as a prior of this radius. With ``fuse``
    all photos show one place. With ``may_abstain`` an answer may say that the photo tells too
    little. ``cameras`` tell of each photo's camera, by which it is turned and scaled; None: photos
    are taken as they are. Without ``refines`` a refiner, where there is one, isn't asked.
    """

    k: int = 5
    region: Region | None = None
    prior: Prior | None = None
    gps_radius_m: float | None = None
    fuse: bool = False
    may_abstain: bool = True
    cameras: Cameras | None = None
    refines: bool = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(f"k is {self.k}", where="--k", hint="Ask for at least 1 candidate.")
        if self.fuse and self.cameras is not None and (self.cameras.rotations or 1) > 1:
            raise UsageError(
                "tries several headings of one photo, and --fuse locates several photos as one",
                where="--rotations",
                hint="Leave one of them out.",
            )

    def priors(self, photos: Sequence[Path]) -> Priors:
        """Return each photo's prior: from its own position where that is asked for and there."""
        if self.gps_radius_m is None:
            return self.prior
        found = [exif_latlon(photo) for photo in photos]
        return [self.prior if at is None else Prior(at, self.gps_radius_m) for at in found]

    def as_json(self) -> dict[str, Any]:
        """Return JSON values that say what was asked."""
        prior = self.prior
        return {
            "k": self.k,
            "region": None if self.region is None else self.region.describe(),
            "near": None if prior is None else [*prior.latlon, prior.radius_m],
            "gps_radius_m": self.gps_radius_m,
            "fuse": self.fuse,
            "may_abstain": self.may_abstain,
            "cameras": None if self.cameras is None else self.cameras.as_json(),
        }

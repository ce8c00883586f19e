"""Copies of located photos with the position in their EXIF; originals are never touched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from georet.contracts.answering import Located
from georet.data.images import read_bytes
from georet.errors import DataError, UsageError
from georet.files import write_atomic
from georet.locate.output.formats.own_place import OwnPlace, own_place
from georet.locate.output.formats.placed import Placed, placed
from georet.locate.output.records import as_text
from georet.page.readable import degree_digits
from georet.photos.geotag import Geotag, geotagged

_SHARE_68 = 1.51
"""The radius, in deviations, that holds 68 % of a normal distribution in the plane."""


Copies = Mapping[str, tuple[Path, Path]]
"""Photos, by their names as records have them: the original, and where its copy goes."""


def copies_of(photos: Sequence[Path], folder: Path) -> Copies:
    """Return where the copy of each photo goes: into ``folder``, in the folders that they lie in.

    UsageError where a copy would take an original's place.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError("is no folder", where=str(folder), hint="--geotag-copies names a folder.")
    whole = [Path(os.path.abspath(photo)) for photo in photos]  # noqa: PTH100 - links stay
    top = Path(os.path.commonpath([path.parent for path in whole])) if whole else Path()
    copies = {
        as_text(str(photo)): (photo, folder / path.relative_to(top))
        for photo, path in zip(photos, whole, strict=True)
    }
    originals = {path.resolve() for path in whole}
    for photo, target in copies.values():
        if target.resolve() in originals or (target.exists() and target.samefile(photo)):
            raise UsageError(
                "would be written over the original",
                where=str(target),
                hint="--geotag-copies needs a folder of its own.",
            )
    return copies


def write_copies(located: Located, copies: Copies) -> Iterator[tuple[str, str]]:
    """Write the copies; yield each photo's name with the reason why it has none, empty: it has."""
    for one in placed(located.records()):
        for photo in one.record["photos"]:
            if one.record.get("abstained"):
                yield photo, "too unclear to be trusted"
                continue
            original, target = copies[photo]
            try:
                data = geotagged(read_bytes(original), geotag_of(one), original)
                target.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(target, data)
            except DataError as error:
                yield photo, str(error.what)
            else:
                yield photo, ""


def geotag_of(one: Placed) -> Geotag:
    """Return what is written of a photo: the camera's place where it is known, else what it shows.

    The place that the photo shows stands beside it as the destination.
    """
    own = own_place(one.record)
    if isinstance(own, OwnPlace):
        return Geotag(
            latlon=own.latlon,
            digits=degree_digits(own.sigma_m),
            error_m=_SHARE_68 * own.sigma_m,
            heading_deg=one.heading_deg,
            looked_at=one.latlon,
        )
    return Geotag(
        latlon=one.latlon,
        digits=one.digits,
        error_m=one.accuracy_m,
        heading_deg=one.heading_deg,
        looked_at=one.latlon if one.footprint is not None else None,
    )

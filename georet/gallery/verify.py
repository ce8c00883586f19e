"""Checking a gallery: every file of it against the hash that vouches for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from georet.errors import GeoretError
from georet.files import sha256_of
from georet.gallery.files.additions import Additions
from georet.gallery.files.manifest import EXTRAS, MANIFEST, damaged, is_inside, missing
from georet.gallery.joined import JoinedContents
from georet.gallery.stored import StoredGallery
from georet.progress import stage


@dataclass(frozen=True)
class Findings:
    """What was checked, and what is wrong: one sentence a file."""

    num_files: int
    num_bytes: int
    faults: tuple[str, ...]


def verify_gallery(folder: Path) -> Findings:
    """Check manifest, shards, thumbnails, plan, journal, reports, indexes and calibration.

    Each byte of the gallery is read once. Files that nothing vouches for are faults too. DataError
    where there is no gallery, or only a begun one.
    """
    try:
        gallery = StoredGallery.open(folder)
    except GeoretError as error:
        if not (folder / MANIFEST).is_file():
            raise
        return Findings(1, (folder / MANIFEST).stat().st_size, (_said(error),))
    listed: dict[str, Any] = dict(gallery.manifest["files"])
    faults = []
    try:
        listed |= Additions(folder).files
    except GeoretError as error:
        faults.append(_said(error))
    faults += _check_all(folder, listed)
    faults += _unlisted(folder, listed)
    parts = _of_parts(gallery)
    faults += [fault for part in parts for fault in part.faults]
    checked = [folder / name for name in (MANIFEST, EXTRAS, *listed) if (folder / name).is_file()]
    return Findings(
        len(checked) + sum(part.num_files for part in parts),
        sum(path.stat().st_size for path in checked) + sum(part.num_bytes for part in parts),
        tuple(faults),
    )


def _of_parts(gallery: StoredGallery) -> list[Findings]:
    """Return what is found in the galleries that this one joins."""
    if not isinstance(gallery.contents, JoinedContents):
        return []
    found = []
    for number in range(len(gallery.contents.starts) - 1):
        try:
            found.append(verify_gallery(gallery.contents.part(number).path))
        except GeoretError as error:
            found.append(Findings(0, 0, (_said(error),)))
    return found


def _check_all(folder: Path, listed: Mapping[str, Any]) -> Iterator[str]:
    with stage(sum(entry["bytes"] for entry in listed.values()), "verify") as bar:
        for name, entry in listed.items():
            path = folder / name
            if not is_inside(name):
                yield f"{path}: is not in the gallery, which lists it"
            elif not path.is_file():
                yield _said(missing(path))
            elif sha256_of(path) != entry["sha256"]:
                yield _said(damaged(path))
            bar.advance(entry["bytes"])


def _unlisted(folder: Path, listed: Mapping[str, Any]) -> Iterator[str]:
    """Yield a fault for each file that is not the gallery's; hidden ones are marks of a writer."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        is_mark = any(part.startswith(".") for part in inner.parts)
        if path.is_file() and inner.as_posix() not in {*listed, MANIFEST, EXTRAS} and not is_mark:
            yield f"{path}: is not listed, so that nothing vouches for it"


def _said(error: GeoretError) -> str:
    return f"{error.where}: {error.what}"

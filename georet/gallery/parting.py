"""A part of a gallery as a gallery of its own, and galleries as one file to hand over."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from georet.errors import DataError, IntegrityError, UsageError
from georet.files import replaced_file, replaced_folder
from georet.gallery.files.manifest import MANIFEST, hash_of, is_inside
from georet.gallery.files.writing import SHARD_SIZE, write_gallery
from georet.gallery.stored import StoredGallery
from georet.ground.footprints import bounds_latlon
from georet.ground.region import Region
from georet.progress import progress
from georet.run_layout import ARTEFACT, BANKS, CONFIG
from georet.types import Floats, Ints

GALLERY: Final = "gallery"
ENCODER: Final = "encoder"
MOST_FILES: Final = 1_000_000
_NEVER: Final = (".lock",)
"""What belongs to one machine. A checkpoint goes whole: its manifest lists every file."""


def cut_gallery(gallery: StoredGallery, region: Region, out: Path) -> Path:
    """Write the tiles of a gallery whose centres lie in a region as the gallery ``out``.

    Embeddings and thumbnails are carried over; indexes and calibration are not, as they belong to
    the whole. DataError where no tile lies in the region, UsageError where ``out`` exists.
    """
    kept = np.flatnonzero(region.mask(gallery.centres[0]))
    if not len(kept):
        west, south, east, north = bounds_latlon(gallery.tiles.corners_latlon)
        raise DataError(
            "no tile of the gallery has its centre in the region",
            where="--region",
            hint=f"The tiles lie within box:{west:.4f},{south:.4f},{east:.4f},{north:.4f} "
            "(west, south, east, north).",
        )
    settings = gallery.manifest["settings"]

    def rows_of(places: Ints) -> tuple[Floats, list[bytes | None] | None]:
        rows = kept[places]
        pictures = [gallery.thumbnail(row) for row in rows.tolist()]
        is_pictured = any(picture is not None for picture in pictures)
        return gallery.rows.take(rows), pictures if is_pictured else None

    write_gallery(
        out,
        gallery.tiles_at(kept),
        rows_of,
        encoder=gallery.encoder,
        source={
            "kind": "merged",
            "of": [{"key": hash_of(gallery.manifest), "source": settings["source"]}],
            "region": region.describe(),
        },
        storage=settings["storage"] if settings["storage"] != "mixed" else "fp32",
        shard_size=int(settings.get("shard_size", SHARD_SIZE)),
        encoder_source=gallery.manifest["encoder_source"],
    )
    return out


def pack(folder: Path, out: Path, encoder: Path | None = None) -> Path:
    """Write a gallery, and the run or artefact that embeds its photos, into the one file ``out``.

    It is a ZIP archive without compression: embeddings and JPEGs don't shrink. Of a run all goes
    along that embedding needs, and its report.
    """
    if out.exists():
        raise UsageError("exists already", where=str(out), hint="Choose another --out.")
    files = [(path, f"{GALLERY}/{name}") for path, name in _files(folder)]
    if encoder is not None:
        if not any((encoder / name).is_file() for name in (CONFIG, ARTEFACT)):
            raise DataError("is neither a run nor an exported artefact", where=str(encoder))
        files += [(path, f"{ENCODER}/{name}") for path, name in _files(encoder)]
    with replaced_file(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path, name in progress(files, "pack"):
            archive.write(path, name)
    return out


def unpack(bundle: Path, out: Path) -> Path:
    """Write what ``pack`` packed as the folder ``out``: ``gallery/``, and ``encoder/`` if any.

    Nothing is written outside ``out``, and nothing but files: DataError for a name that leads out,
    a link, or an archive that would unpack to more than it is long. The gallery's own hashes are
    checked: IntegrityError where they don't hold.
    """
    if out.exists():
        raise UsageError("exists already", where=str(out), hint="Choose another --out.")
    try:
        with zipfile.ZipFile(bundle) as archive, replaced_folder(out) as folder:
            entries = _checked_entries(archive, bundle)
            for entry in progress(entries, "unpack"):
                path = folder / entry.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target, 2**20)
            StoredGallery.open(folder / GALLERY)
    except zipfile.BadZipFile as error:
        raise IntegrityError(f"is no whole bundle: {error}", where=str(bundle)) from error
    except FileNotFoundError as error:
        raise DataError("no such file", where=str(bundle)) from error
    return out


def _checked_entries(archive: zipfile.ZipFile, bundle: Path) -> list[zipfile.ZipInfo]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    names = [entry.filename for entry in entries]
    if f"{GALLERY}/{MANIFEST}" not in names:
        raise DataError(
            "is no bundle of a gallery, or only a part of one",
            where=str(bundle),
            hint="`georet gallery cut GALLERY --region ... --out FILE.zip` writes one.",
        )
    for entry in entries:
        name = PurePosixPath(entry.filename)
        is_link = (entry.external_attr >> 16) & 0o170000 == 0o120000
        if is_link or not is_inside(entry.filename) or name.parts[0] not in (GALLERY, ENCODER):
            raise DataError(
                f"holds {entry.filename!r:.80}, which is no file of a gallery", where=str(bundle)
            )
    size = sum(entry.file_size for entry in entries)
    if len(set(names)) < len(names) or len(names) > MOST_FILES or size > bundle.stat().st_size:
        raise DataError(
            f"would unpack to {len(names):,} files of {size:,} bytes, it has "
            f"{bundle.stat().st_size:,}",
            where=str(bundle),
        )
    return entries


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield (path, name within the folder) of all that is worth carrying."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_own = path.is_file() and not path.is_symlink() and path.name not in _NEVER
        if is_own and not name.startswith(f"{BANKS}/") and not name.endswith((".tmp", ".claim")):
            yield path, name

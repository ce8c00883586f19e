"""What ``georet verify`` does: it tells runs, galleries and artefacts apart, and checks each."""

from __future__ import annotations

from pathlib import Path

from georet.errors import DataError, IntegrityError
from georet.extras import need
from georet.files import verify
from georet.gallery.files.manifest import MANIFEST as GALLERY
from georet.gallery.files.plan import BUILD
from georet.gallery.verify import verify_gallery
from georet.page.readable import megabytes
from georet.run_layout import ARTEFACT, CHECKPOINTS, CONFIG, EXPORT, VOUCHED
from georet.vouching import check_vouched


def verify_folder(path: Path) -> str:
    """Check a run, a gallery, an artefact or a folder of artefacts; say what was checked.

    IntegrityError names what is not as written, DataError a folder that is none of these, and a run
    that has not come to its end, for whose files nothing vouches yet.
    """
    if (path / GALLERY).is_file() or (path / BUILD).is_file():
        return gallery_line(path)
    if (path / CONFIG).is_file():
        return _run(path)
    artefacts = _artefacts(path)
    if not artefacts:
        raise DataError(
            f"is no run ({CONFIG}), no gallery ({GALLERY}) and no exported artefact ({ARTEFACT})",
            where=str(path),
            hint="Name the folder that `georet train`, `gallery build` or `export` printed.",
        )
    return "\n".join(map(_artefact, artefacts))


def gallery_line(path: Path) -> str:
    """Check a gallery and return the sentence about it; IntegrityError lists what differs."""
    found = verify_gallery(path)
    if found.faults:
        raise IntegrityError(
            "\n  ".join(
                [f"{len(found.faults)} files are not as they were written:", *found.faults]
            ),
            where=str(path),
            hint="Running the same `georet gallery build` again repairs shards.",
        )
    return f"{path}: {found.num_files} files, {megabytes(found.num_bytes)}, all as written"


def _run(path: Path) -> str:
    for folder in sorted((path / CHECKPOINTS).glob("*/")):
        verify(folder)
    if not (path / VOUCHED).is_file():
        raise DataError(
            f"the checkpoints are as written; nothing vouches for the rest: {VOUCHED} is missing",
            where=str(path),
            hint=f"It is written at the end of the training: georet train --resume {path}",
        )
    num = check_vouched(path)
    lines = [f"{path}: a run, {num} files and all checkpoints as written"]
    return "\n".join([*lines, *map(_artefact, _artefacts(path / EXPORT))])


def _artefacts(path: Path) -> list[Path]:
    """Return the folders of artefacts in a folder, by view or by format, itself included."""
    if not path.is_dir():
        return []
    return sorted(found.parent for found in path.rglob(ARTEFACT))


def _artefact(path: Path) -> str:
    reader = need("georet_export.artefact.artefact", extra="export", what="an exported artefact")
    num = len(reader.read_artefact(path).files)
    return f"{path}: an artefact, manifest and {num} files as written"

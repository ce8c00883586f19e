"""Indexes of a gallery: made by the component of a name, kept beside it, verified on loading."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from georet.contracts.searching import Index
from georet.errors import DataError
from georet.files import replaced_folder, sync, tidy_temporary
from georet.gallery.files.additions import INDEX_DIR, Additions
from georet.gallery.files.claims import waiting_claim
from georet.plugins import UNSAID, Selection, load_plugins
from georet.search import is_exact

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

_FILE: Final = "index"


def open_index(gallery: StoredGallery, name: str, *, selection: Selection = UNSAID) -> Index:
    """Return the index of a gallery's rows: loaded where it was kept, else made and kept.

    Nothing of a kept index is parsed before its files have the hashes that ``extras.json`` lists;
    IntegrityError names the one that hasn't. One of another state of the gallery is made anew.
    """
    extras = gallery.added
    catalog = load_plugins(selection).catalog
    entry = catalog.find("indexes", name, where="--index")
    index = cast(Index, catalog.create("indexes", entry.id, where="--index"))
    if is_exact(entry.id):
        # It is the embeddings themselves: kept, it would only double the gallery.
        _fill(index, gallery)
        return index
    folder = f"{INDEX_DIR}/{entry.id.replace(':', '-').replace('/', '-')}"
    files = [file for file in extras.files if file.startswith(f"{folder}/")]
    if not files:
        _fill(index, gallery)
        # A gallery on a disk that is full or read-only can be searched all the same.
        with suppress(OSError, DataError):
            _keep(index, gallery.path, folder, extras)
        return index
    extras.check(files)
    index.load(gallery.path / folder / _FILE)
    return index


def _fill(index: Index, gallery: StoredGallery) -> None:
    index.add(gallery.embeddings, np.arange(len(gallery)))


def _keep(index: Index, root: Path, folder: str, extras: Additions) -> None:
    """Save an index in place of whatever is in its folder, and vouch for its files."""
    with waiting_claim(root / f".{INDEX_DIR}.claim"):
        (root / INDEX_DIR).mkdir(exist_ok=True)
        tidy_temporary(root / INDEX_DIR)
        with replaced_folder(root / folder) as made:
            made.mkdir()
            index.save(made / _FILE)
            written = sorted(path for path in made.rglob("*") if path.is_file())
            for path in (*written, made / _FILE, made):
                sync(path)
        names = [f"{folder}/{path.relative_to(made).as_posix()}" for path in written]
        try:
            extras.vouch(names, forget=folder)
        except (OSError, DataError):
            # Nothing vouches for it, so that nobody would read it.
            shutil.rmtree(root / folder, ignore_errors=True)
            raise

"""Indexes of a gallery: made by the component of a name, kept beside it, verified on loading."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from georet.contracts.building import BuildContext
from georet.contracts.searching import Index
from georet.errors import DataError
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
    context = BuildContext(catalog)
    index = cast(Index, catalog.create("indexes", entry.id, where="--index", context=context))
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
        shutil.rmtree(root / folder, ignore_errors=True)
        try:
            (root / folder).mkdir(parents=True)
            index.save(root / folder / _FILE)
            written = sorted(path for path in (root / folder).rglob("*") if path.is_file())
            extras.vouch([path.relative_to(root).as_posix() for path in written], forget=folder)
        except (OSError, DataError):
            shutil.rmtree(root / folder, ignore_errors=True)
            raise

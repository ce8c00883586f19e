"""Indexes of a gallery: made by the component of a name, kept beside it, verified on loading."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from georet.blame import blaming
from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.searching import Index, Searchable
from georet.errors import DataError
from georet.files import MANIFEST, replaced_folder, tidy_temporary, write_atomic
from georet.gallery.files.additions import INDEX_DIR, Additions
from georet.gallery.files.claims import waiting_claim
from georet.gallery.files.manifest import hash_of, vouched_bytes
from georet.gallery.joined import JoinedContents, JoinedIndex, Part
from georet.gallery.mapped import InMemory
from georet.platforms import sync
from georet.plugins import UNSAID, Selection, load_plugins
from georet.plugins.catalog import Catalog
from georet.search import is_exact
from georet.search.blocks import block_hashes_of
from georet.search.rows import Stored
from georet.search.served import PlacedRows, Served
from georet.search.stored import StoredIndex
from georet.sources.asked import options_of
from georet.types import Floats

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

_FILE: Final = "index"
_BLOCKS: Final = ".blocks.sha256"
_LARGE: Final = 2**20
"""Bytes beyond which a file is verified block by block."""


def open_index(gallery: StoredGallery, name: str, *, selection: Selection = UNSAID) -> Searchable:
    """Return the index of a gallery's rows: loaded where it was kept, else made and kept.

    ``name`` may have options, ``NAME?key=value&key=value``; such an index is made and not kept.
    One that a server keeps is told of the gallery, and is refused unless the server holds it.
    Nothing of a kept index is parsed before its files have the hashes that ``extras.json`` lists;
    IntegrityError names the one that hasn't. One of another state of the gallery is made anew.
    """
    extras = gallery.added
    catalog = load_plugins(selection).catalog
    index, entry_id = make_index(name, catalog)
    if isinstance(index, Served):
        index.attach(placed_rows(gallery))
        return index
    if is_exact(entry_id):
        # It is the embeddings themselves: kept, it would only double the gallery.
        _fill(index, gallery)
        return index
    if isinstance(gallery.contents, JoinedContents):

        def open_part(part: Part) -> Searchable:
            return open_index(cast("StoredGallery", part), name, selection=selection)

        return JoinedIndex(gallery.contents, open_part)
    if "?" in name:
        _fill(index, gallery)
        return index
    folder = f"{INDEX_DIR}/{entry_id.replace(':', '-').replace('/', '-')}"
    files = [file for file in extras.files if file.startswith(f"{folder}/")]
    if not files:
        _fill(index, gallery)
        # A gallery on a disk that is full or read-only can be searched all the same.
        with suppress(OSError, DataError):
            _keep(index, gallery.path, folder, extras)
        return index
    if f"{folder}/{_FILE}/{MANIFEST}" in files or not isinstance(index, StoredIndex):
        # Whole in itself, embeddings included: what a foreign index is, and what all once were.
        extras.check(files)
        with blaming(index, "load()"):
            index.load(gallery.path / folder / _FILE)
        return index
    blocks = _blocks(gallery, files)
    extras.check([name for name in files if Path(name).name not in blocks])
    home = gallery.path / folder / _FILE
    index.load_beside(home, _rows_of(gallery), np.arange(len(gallery)), blocks)
    return index


def make_index(asked: str, catalog: Catalog) -> tuple[Index | Served, str]:
    """Return the index ``NAME`` or ``NAME?key=value&key=value``, and its component's id."""
    name, _, query = asked.partition("?")
    entry = catalog.find("indexes", name, where="--index")
    options = options_of(query, where="--index")
    spec = ComponentSpec.model_validate({**options, "name": entry.id})
    context = BuildContext(catalog)
    made = catalog.create("indexes", spec, where="--index", context=context)
    return cast("Index | Served", made), entry.id


def placed_rows(gallery: StoredGallery) -> PlacedRows:
    """Return a gallery's rows as a server is to hold them."""
    latlon, side_m = gallery.centres
    return PlacedRows(
        name=str(gallery.path),
        key=hash_of(gallery.manifest),
        embed_dim=gallery.encoder.embed_dim,
        latlon=latlon,
        side_m=side_m,
        embeddings=gallery.rows if gallery.has_rows else None,
        ids_at=lambda rows: list(gallery.tiles_at(rows).ids),
    )


def _blocks(gallery: StoredGallery, files: Sequence[str]) -> dict[str, bytes]:
    """Return the block hashes, themselves vouched for, by name of the file that they are of."""
    listed = gallery.added.files
    return {
        Path(name).name.removesuffix(_BLOCKS): vouched_bytes(gallery.path, name, listed)
        for name in files
        if name.endswith(_BLOCKS)
    }


def _rows_of(gallery: StoredGallery) -> Floats | Stored:
    """Return the gallery's embeddings: an array where they fit into memory."""
    rows = gallery.rows
    return rows.embeddings if isinstance(rows, InMemory) else rows


def _fill(index: Index, gallery: StoredGallery) -> None:
    ids = np.arange(len(gallery))
    if isinstance(index, StoredIndex):
        index.add(_rows_of(gallery), ids)
    else:
        with blaming(index, "add()"):
            index.add(gallery.embeddings, ids)


def _save(index: Index, home: Path) -> None:
    """Write an index; beside the gallery's rows, where it can do without its own copy of them."""
    if not isinstance(index, StoredIndex):
        with blaming(index, "save()"):
            index.save(home)
        return
    home.mkdir()
    index.save_beside(home)
    for path in [path for path in home.iterdir() if path.stat().st_size > _LARGE]:
        write_atomic(home / f"{path.name}{_BLOCKS}", block_hashes_of(path))


def _keep(index: Index, root: Path, folder: str, extras: Additions) -> None:
    """Save an index in place of whatever is in its folder, and vouch for its files."""
    with waiting_claim(root / f".{INDEX_DIR}.claim"):
        (root / INDEX_DIR).mkdir(exist_ok=True)
        tidy_temporary(root / INDEX_DIR)
        with replaced_folder(root / folder) as made:
            made.mkdir()
            _save(index, made / _FILE)
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

"""Letting a re-ranker look at the best tiles of a photo and put them into another order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from georet.contracts.building import BuildContext
from georet.contracts.searching import Reranker
from georet.errors import DataError, PluginError
from georet.locate.field import Field
from georet.plugins import Selection, load_plugins
from georet.types import Ints, Pixels

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery


def make_reranker(name: str, selection: Selection) -> Reranker:
    """Build the re-ranker of a name from the plugins' components."""
    catalog = load_plugins(selection).catalog
    context = BuildContext(catalog)
    return cast(Reranker, catalog.create("rerankers", name, where="--rerank", context=context))


def reranked(
    field: Field, photo: Path | Pixels, gallery: StoredGallery, reranker: Reranker
) -> Field:
    """Return the field with its best tiles in the re-ranker's order.

    It sees the photo's file and at most ``max_candidates`` thumbnails, in a folder that is gone
    afterwards. The merits stay where they are: what now comes first is believed most.
    """
    rows = field.rows[: max(0, reranker.max_candidates)]
    with tempfile.TemporaryDirectory(prefix="georet-rerank-") as name:
        folder = Path(name)
        candidates = [_thumbnail(folder, gallery, int(row), at) for at, row in enumerate(rows)]
        order = _checked(reranker(_photo(folder, photo), candidates), len(rows), reranker)
    return Field(np.concatenate([rows[order], field.rows[len(rows) :]]), field.merits)


def _photo(folder: Path, photo: Path | Pixels) -> Path:
    if isinstance(photo, Path):
        return photo
    path = folder / "photo.png"
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(photo[:, :, ::-1]))[1].tobytes())
    return path


def _thumbnail(folder: Path, gallery: StoredGallery, row: int, at: int) -> Path:
    picture = gallery.thumbnail(row)
    if picture is None:
        raise DataError(
            "has no thumbnails, a re-ranker has nothing to look at",
            where=str(gallery.path),
            hint="Build the gallery with thumbnails, or leave out --rerank.",
        )
    path = folder / f"candidate-{at:04d}.jpg"
    path.write_bytes(picture)
    return path


def _checked(order: Any, num: int, reranker: Reranker) -> Ints:
    """Return the order int64[num], if it is one."""
    found = np.asarray(order)
    if found.shape != (num,) or not np.array_equal(np.sort(found), np.arange(num)):
        raise PluginError(
            f"gave {found.tolist()!r:.80} as the order of {num} candidates",
            where=type(reranker).__name__,
            hint=f"Wanted: each of 0..{num - 1} once, best first.",
        )
    return found.astype(np.int64)

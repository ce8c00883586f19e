"""Letting a re-ranker look at the best tiles of a photo and put them into another order."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from georet.config import ComponentSpec
from georet.configure.inline import stage_of
from georet.contracts.building import BuildContext
from georet.contracts.refining import Patch, Tile
from georet.contracts.searching import RerankContext, Reranker
from georet.data.images import MAX_PIXELS, read_image
from georet.errors import DataError
from georet.gallery.pictures.originals import Originals
from georet.locate.field import Field
from georet.locate.refine import tiles_of
from georet.plugins import Selection, load_plugins
from georet.search.reranking import Reordering, accepts, maker_of_reranker, reordering_of
from georet.types import Floats, Pixels

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery


def make_reranker(text: str, selection: Selection) -> tuple[Reranker, int | None]:
    """Build the re-ranker of ``NAME:key=value,...``; with it the most tiles that ``top`` allows."""
    catalog = load_plugins(selection).catalog
    spec, context = stage_of(text, where="--rerank"), BuildContext(catalog)
    bare = ComponentSpec.model_validate({"name": spec.name, **spec.options})
    made = catalog.create("rerankers", bare, where="--rerank", context=context)
    return cast(Reranker, made), spec.top


@dataclass(frozen=True)
class Reranking:
    """A re-ranker at work on a gallery; it sees at most ``top`` tiles, and ``max_candidates``.

    Files of the candidates are the gallery's thumbnails, in a folder that is gone afterwards. One
    that asks for a context reads tiles from the gallery's imagery instead.
    """

    reranker: Reranker
    gallery: StoredGallery
    originals: Originals
    top: int | None = None
    max_pixels: int = MAX_PIXELS

    @property
    def about(self) -> dict[str, Any]:
        """JSON values that name the re-ranker: its component's id, whose it is, its options."""
        maker = maker_of_reranker(self.reranker)
        named = {"id": maker.id, "of": maker.owner, "options": dict(maker.options)}
        return named if self.top is None else {**named, "top": self.top}

    def __call__(
        self, field: Field, photo: Path | Pixels, embedding: Floats, sharpness: float
    ) -> tuple[Field, Reordering, str]:
        """Return the field with its best tiles in the re-ranker's order, and what that did.

        The merits stay where they are: what now comes first is believed most. The last value says
        why the re-ranker saw thumbnails in place of the imagery, where it asked for that.
        """
        most = max(0, self.reranker.max_candidates)
        rows = field.rows[: most if self.top is None else min(self.top, most)]
        unit = embedding / np.linalg.norm(embedding)
        scores = self.gallery.embeddings[rows] @ unit
        beliefs = field.belief(sharpness)[: len(rows)]
        tiles = tiles_of(rows, scores, beliefs, self.gallery.tiles, self.originals)
        with tempfile.TemporaryDirectory(prefix="georet-rerank-") as name:
            folder = Path(name)
            path = photo if isinstance(photo, Path) else _written(folder / "photo.png", photo)
            files = [self._file(folder, at, tile) for at, tile in enumerate(tiles)]
            read = partial(read_image, path, max_pixels=self.max_pixels)

            def context() -> RerankContext:
                embeddings = self.gallery.embeddings[rows]
                return RerankContext(path, tiles, unit.astype(np.float32), embeddings, read)

            found = reordering_of(self.reranker, path, files, context)
        moved = np.concatenate([rows[found.order], field.rows[len(rows) :]])
        # What was read of a tile is kept on it; what wasn't asked for needs no note.
        seen: list[Patch] = [vars(tile)["patch"] for tile in tiles if "patch" in vars(tile)]
        note = next((patch.note for patch in seen if not patch.is_full), "")
        return Field(moved, field.merits), found, note

    def _file(self, folder: Path, at: int, tile: Tile) -> Path:
        picture = self.gallery.thumbnail(tile.row)
        if picture is not None:
            path = folder / f"candidate-{at:04d}.jpg"
            path.write_bytes(picture)
            return path
        if accepts(self.reranker, "context"):
            return _written(folder / f"candidate-{at:04d}.png", tile.patch.image)
        raise DataError(
            "has no thumbnails, a re-ranker has nothing to look at",
            where=str(self.gallery.path),
            hint="Build the gallery with thumbnails, or leave out --rerank.",
        )


def _written(path: Path, pixels: Pixels) -> Path:
    encoded = cv2.imencode(".png", np.ascontiguousarray(pixels[:, :, ::-1]))[1]
    path.write_bytes(encoded.tobytes())
    return path
